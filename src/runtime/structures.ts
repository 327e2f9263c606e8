import { addon } from '../native/addon.js'

/**
 * The shapes of the objects that a stream has stored: msgpackr writes each shape once and then refers
 * to it by number. They are durable before a message that refers to one is sent, and only grow.
 */
export function structuresOf(handle: number): {
  getStructures: () => unknown[]
  saveStructures: (structures: unknown[]) => boolean
} {
  return {
    getStructures() {
      const bytes = addon().getFile(handle, 'structures')
      return bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as unknown[])
    },
    saveStructures(structures) {
      addon().putFile(handle, 'structures', Buffer.from(JSON.stringify(structures)))
      return true
    },
  }
}

/** How many shapes are shared; objects of further shapes carry their names with them. */
export const sharedStructuresMax = 64
