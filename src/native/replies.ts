/** The bits of a mark (native/shard/replies.h): what a sender waits for, then how its message ended. */
export const marks = {
  wantsOutcome: 0x40,
  wantsResult: 0x80,
  follows: 0x08,
  outcome: 0x07,
} as const

/** What an answer tells besides the outcome (native/shard/replies.h). */
export const answerKinds = { none: 0, result: 1, error: 2, history: 3, lost: 4 } as const

export type AnswerKind = (typeof answerKinds)[keyof typeof answerKinds]

/** Of an answer, in the ring and on its way there. */
export const answerHeaderBytes = 16

/** An answer as the sender's thread finds it. */
export interface Reply {
  readonly sequence: number
  /** As in native/slots.ts. */
  readonly outcome: number
  readonly kind: AnswerKind
  /** Where its payload lies in `bytes`. */
  readonly start: number
  readonly end: number
}

/** The ring of answers, read in place. */
export class ReplyRing {
  readonly bytes: Buffer
  readonly #view: DataView

  constructor(memory: ArrayBuffer) {
    this.bytes = Buffer.from(memory)
    this.#view = new DataView(memory)
  }

  /** The answer at a position, valid until it is released; undefined where there is only padding. */
  at(position: number): Reply | undefined {
    const offset = position % this.bytes.length
    const length = this.#view.getUint32(offset, true)
    if (length >= 0x8000_0000) return undefined
    const told = this.#view.getUint32(offset + 4, true)
    return {
      sequence: this.#view.getFloat64(offset + 8, true),
      outcome: told & 0xff,
      kind: (told >>> 8) as AnswerKind,
      start: offset + answerHeaderBytes,
      end: offset + length,
    }
  }

  /** The position behind what lies at one. */
  behind(position: number): number {
    const length = this.#view.getUint32(position % this.bytes.length, true) & 0x7fff_ffff
    return position + ((length + 7) & ~7)
  }
}
