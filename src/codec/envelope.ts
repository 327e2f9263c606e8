import { SemelError } from '../core/errors.js'
import { noHeaders, type MessageHeaders } from '../core/headers.js'

/**
 * What stands in front of a message that has headers or a due time, in one payload with it
 * (native/ring/FORMAT.md, "The envelope").
 */
export interface Envelope {
  readonly bytes: Uint8Array
  /** Whether the message was given a due time. */
  readonly isTimed: boolean
}

/** No message begins so: MessagePack never uses it. */
export const envelopeByte = 0xc1
const format = 1
const hasDueTime = 1
const fixedBytes = 8
const dueBytes = 8

/**
 * @param headers checked
 * @param dueMs undefined where there is none
 */
export function envelopeOf(
  headers: readonly (readonly [string, string])[],
  dueMs?: number,
): Envelope {
  const isTimed = dueMs !== undefined
  const texts = headers.flat().map((text) => Buffer.from(text))
  const used = texts.reduce(
    (bytes, text) => bytes + 2 + text.length,
    fixedBytes + (isTimed ? dueBytes : 0),
  )
  // The message behind it begins where any payload may: frames are read by words.
  const bytes = Buffer.alloc((used + 7) & ~7)
  bytes[0] = envelopeByte
  bytes[1] = (format << 4) | (isTimed ? hasDueTime : 0)
  bytes.writeUInt16LE(bytes.length, 2)
  bytes[4] = headers.length
  let at = fixedBytes
  if (isTimed) {
    bytes.writeBigUInt64LE(BigInt(dueMs), at)
    at += dueBytes
  }
  for (const text of texts) {
    bytes.writeUInt16LE(text.length, at)
    at += 2 + text.copy(bytes, at + 2)
  }
  return { bytes, isTimed }
}

/** How many bytes in front of the message are an envelope; 0 where it is none that can be read. */
export function envelopeBytesAt(memory: Uint8Array, at: number, length: number): number {
  if (length < fixedBytes || memory[at] !== envelopeByte) return 0
  const kind = memory[at + 1] as number
  if (kind >>> 4 !== format) return 0
  const bytes = (memory[at + 2] as number) | ((memory[at + 3] as number) << 8)
  const least = fixedBytes + ((kind & hasDueTime) === 0 ? 0 : dueBytes)
  return bytes >= least && bytes <= length && bytes % 8 === 0 ? bytes : 0
}

/** When the message is due, in milliseconds since 1970; 0 where no time was given. */
export function dueMsOf({ buffer, byteOffset, length }: Uint8Array): number {
  const view = new DataView(buffer, byteOffset, length)
  if ((view.getUint8(1) & hasDueTime) === 0) return 0
  return Number(view.getBigUint64(fixedBytes, true))
}

/**
 * The headers of an envelope, frozen, in the order in which they were given.
 * @throws SemelError where its bytes are none
 */
export function headersOf(envelope: Uint8Array): MessageHeaders {
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.length)
  const count = bytes[4] as number
  if (count === 0) return noHeaders
  const headers = Object.create(null) as Record<string, string>
  let at = ((bytes[1] as number) & hasDueTime) === 0 ? fixedBytes : fixedBytes + dueBytes
  const next = (): string => {
    const start = at + 2
    const end = start <= bytes.length ? start + bytes.readUInt16LE(at) : Infinity
    if (end > bytes.length) throw new SemelError('SEMEL_DAMAGED', 'the headers end too early')
    at = end
    return bytes.toString('utf8', start, end)
  }
  for (let header = 0; header < count; header++) {
    const name = next()
    headers[name] = next()
  }
  return Object.freeze(headers)
}
