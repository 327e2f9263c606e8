import { ClosedError } from '../../core/errors.js'
import { after, turn } from '../../core/waiting/timers.js'

/** The waits of something that may be stopped: then each of them ends, and nothing goes on. */
export class Pause {
  #stopped = false
  #end: (() => void) | undefined

  get isStopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
    this.#end?.()
  }

  /** @throws ClosedError once it has been stopped */
  check(): void {
    if (this.#stopped) throw new ClosedError()
  }

  /** @throws ClosedError where it is stopped before or meanwhile */
  async for(ms: number): Promise<void> {
    if (!this.#stopped) {
      await new Promise<void>((resolve) => {
        const end = after(ms, resolve)
        this.#end = () => {
          end()
          resolve()
        }
      })
    }
    this.check()
  }

  /** Until the event loop has turned. @throws ClosedError as `for` */
  async turn(): Promise<void> {
    await turn()
    this.check()
  }
}
