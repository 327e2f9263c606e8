import { canonical } from './canonical.js'
import { isFrame } from './number-of.js'
import type { Observe } from './observations.js'

/** So many messages are kept at a time. */
const keptMax = 16
/** A longer one is not looked at again and again. */
const textLengthMax = 300

/**
 * Messages that a handler keeps beyond their end: each still is what it was, or is refused. Looked at
 * with each other one that arrives, and at the end, when the streams' memory is gone.
 */
export class Kept {
  readonly #observe: Observe
  readonly #messages: { readonly message: unknown; readonly text: string }[] = []

  constructor(observe: Observe) {
    this.#observe = observe
  }

  /** What the message is. */
  keep(message: unknown): string {
    this.check()
    const copy = isFrame(message) ? message.copy() : message
    const text = canonical(copy)
    if (text.length > textLengthMax) return text
    this.#messages.push({ message: copy, text })
    if (isFrame(message)) this.#messages.push({ message, text })
    this.#messages.splice(0, this.#messages.length - keptMax)
    return text
  }

  check(): void {
    for (const { message, text } of this.#messages) {
      const now = textNow(message)
      if (now === undefined || now === text) continue
      this.#observe({ fault: 'kept', text: `what was ${text} is ${now}` })
    }
  }
}

/** Undefined: it is refused, which is right for a frame that has ended. */
function textNow(message: unknown): string | undefined {
  try {
    return canonical(isFrame(message) ? message.copy() : message)
  } catch (error) {
    const { code, message: why } = error as { code?: string; message?: string }
    return isFrame(message) && code === 'SEMEL_FRAME' ? undefined : `not to be read: ${why}`
  }
}
