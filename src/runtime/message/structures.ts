import type { ShapeStore } from '../../codec/shapes.js'
import { addon } from '../../native/addon.js'

/**
 * The shapes of the objects that a stream has stored, in the directory's file `structures`: each is
 * written once, and messages refer to it by number. They are durable before a message that refers to
 * one is sent, and only grow.
 */
export function shapesOf(handle: number): ShapeStore {
  return {
    load() {
      const bytes = addon().getFile(handle, 'structures')
      return bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as string[][])
    },
    save(all) {
      addon().putFile(handle, 'structures', Buffer.from(JSON.stringify(all)))
    },
  }
}
