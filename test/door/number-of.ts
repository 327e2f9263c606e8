import { types } from 'node:util'
import type { Frame } from 'semel'
import { frameBytes } from './evaluate.js'

/** The number that a message holds: in itself, or as a frame, or as its bytes. */
export function numberOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined
  if (types.isUint8Array(message)) {
    const { buffer, byteOffset, length } = message
    return length === frameBytes ? new DataView(buffer, byteOffset).getUint32(0, true) : undefined
  }
  if (isFrame(message)) return message.u32(0)
  const { n } = message as { readonly n?: unknown }
  return typeof n === 'number' ? n : undefined
}

export function isFrame(message: unknown): message is Frame {
  return typeof (message as Partial<Frame> | null | undefined)?.u32 === 'function'
}
