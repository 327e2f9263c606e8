import { kindHeaderShift } from '../../native/slots.js'
import type { Offset } from '../../core/offset.js'

/** Where a message was read from, as its frame has it. */
export interface FrameOrigin {
  /** Its number in the directory. */
  readonly partition: number
  readonly offset: Offset
}

/** The full layout's least header; the compact one has no source (native/ring/FORMAT.md). */
const headerBytesMin = 24
const metaAt = 16
const hasSourceBit = 0x40

/** @param at of the payload, in the ring */
export function originAt(ring: DataView, at: number, kind: number): FrameOrigin | undefined {
  const headerBytes = kind >>> kindHeaderShift
  if (headerBytes < headerBytesMin) return undefined
  if ((ring.getUint8(at - headerBytes + metaAt) & hasSourceBit) === 0) return undefined
  const partition = ring.getUint16(at - 8, true)
  return { partition, offset: ring.getUint16(at - 6, true) + ring.getUint32(at - 4, true) * 65_536 }
}
