import { nextTurn } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import type { Settings } from '../settings/options.js'

export interface NoticesParts {
  readonly handle: number
  readonly settings: Settings
  /** Whether somebody waits for an acknowledgment or for room, or a message does. */
  readonly isAwaited: () => boolean
  /** Whether a loop waits for outputs. */
  readonly isRead: () => boolean
  /** Whether there is anything to be told of, though perhaps nobody waits. */
  readonly hasOpen: () => boolean
  /** Runs inline shards. */
  readonly run: () => void
  /** Tells senders what is known. */
  readonly tellKnown: () => void
  /** A look at everything, as if a notice had come. */
  readonly look: () => void
}

/**
 * When the event loop is told that the native core has made progress, and whether that keeps the
 * process alive. What comes before the asking gives no notice: so whoever asks looks behind it.
 */
export class Notices {
  readonly #parts: NoticesParts
  /** Inline nobody else looks: that the stream's files are gone, say, comes as a notice. */
  readonly #asksAlways: boolean
  /** Inline shards that see a message only after its group. */
  readonly #runsAfterGroups: boolean
  readonly #spins: boolean
  #keepsAlive = false
  #isSpinning = false
  #hasEnded = false

  constructor(parts: NoticesParts) {
    this.#parts = parts
    const { workers, durability, waiting } = parts.settings
    this.#asksAlways = workers === 0 && durability !== 'memory'
    this.#runsAfterGroups = this.#asksAlways && durability !== 'process'
    this.#spins = waiting === 'spin' && workers > 0
  }

  /** @param isClosing only who waits is told then */
  ask(isClosing: boolean): void {
    this.waitingChanged()
    const { handle, isAwaited, hasOpen, run, tellKnown } = this.#parts
    if (isClosing && !isAwaited()) return
    if (this.#asksAlways || isAwaited() || hasOpen()) addon().wantNotice(handle)
    if (this.#runsAfterGroups) run()
    if (!isAwaited()) return
    tellKnown()
    if (this.#spins && isAwaited()) this.#spin()
  }

  /** The process does not end under those who wait for a notice; an idle stream alone lets it. */
  waitingChanged(): void {
    const { isAwaited, isRead } = this.#parts
    const on = !this.#hasEnded && (isAwaited() || isRead())
    if (on === this.#keepsAlive) return
    this.#keepsAlive = on
    addon().keepAlive(this.#parts.handle, on)
  }

  /** The stream has failed or is closed: nobody waits for a notice any more. */
  end(): void {
    this.#hasEnded = true
    this.waitingChanged()
  }

  /** The sender's side of `spin`: it looks at each turn of the event loop, and waits for no notice. */
  #spin(): void {
    if (this.#isSpinning) return
    this.#isSpinning = true
    nextTurn(() => {
      this.#isSpinning = false
      this.#parts.look()
    })
  }
}
