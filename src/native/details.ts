import type { OutcomeNumber } from './slots.js'

const headerBytes = 32
const initialBytes = 4096

/** What a commit does with a message that failed or was parked (native/shard/details.h). */
export const actions = { park: 1, deadLetter: 2, settle: 3 } as const

export interface Detail {
  readonly sequence: number
  readonly action: (typeof actions)[keyof typeof actions]
  /** Attempts made so far. */
  readonly attempts: number
  /** When to try again, by the stream's clock. */
  readonly dueMs: number
  readonly outcome: OutcomeNumber
  /** The failures so far, as JSON. */
  readonly history: string
}

/** The bytes of a commit's details, as the native core reads them. */
export function encodeDetails(details: readonly Detail[]): Uint8Array {
  let bytes = Buffer.alloc(initialBytes)
  let at = 0
  for (const detail of details) {
    const history = Buffer.from(detail.history)
    const span = headerBytes + ((history.length + 7) & ~7)
    if (at + span > bytes.length) {
      bytes = Buffer.concat([bytes], Math.max(bytes.length * 2, at + span))
    }
    bytes.writeDoubleLE(detail.sequence, at)
    bytes.writeDoubleLE(detail.dueMs, at + 8)
    bytes.writeUInt32LE(detail.action, at + 16)
    bytes.writeUInt32LE(detail.attempts, at + 20)
    bytes.writeUInt32LE(detail.outcome, at + 24)
    bytes.writeUInt32LE(history.length, at + 28)
    history.copy(bytes, at + headerBytes)
    at += span
  }
  return bytes.subarray(0, at)
}
