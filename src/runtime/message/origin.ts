import { kindHeaderShift } from '../../native/slots.js'
import { asOffset, type Offset } from '../../core/offset.js'

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
const isWideBit = 0x80

/** @param at of the payload, in the ring */
export function originAt(ring: DataView, at: number, kind: number): FrameOrigin | undefined {
  const headerBytes = kind >>> kindHeaderShift
  if (headerBytes < headerBytesMin) return undefined
  const meta = ring.getUint8(at - headerBytes + metaAt)
  if ((meta & hasSourceBit) === 0) return undefined
  const partition = ring.getUint16(at - 8, true)
  if ((meta & isWideBit) === 0) {
    return {
      partition,
      offset: ring.getUint16(at - 6, true) + ring.getUint32(at - 4, true) * 65_536,
    }
  }
  const wide = (ring.getBigUint64(at - 16, true) << 64n) | ring.getBigUint64(at - 24, true)
  return { partition, offset: asOffset(wide) as Offset }
}
