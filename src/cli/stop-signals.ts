import { constants } from 'node:os'
import { addon } from '../native/addon.js'

/**
 * A terminal sends Ctrl-C to every process in front of it, and npx passes it on once more: what comes
 * within this time of the first is the same key press.
 */
const samePressMs = 100

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first SIGINT, SIGTERM or SIGHUP asks for an orderly end, the second one exits at once. */
export class StopSignals {
  readonly #controller = new AbortController()
  readonly #exit: (code: number) => void
  #by: NodeJS.Signals | undefined
  #atMs = 0

  /** @param exit called by the second signal */
  constructor(exit: (code: number) => void) {
    this.#exit = exit
    for (const name of names) process.on(name, this.#onSignal)
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The first signal; undefined where there was none. */
  get by(): NodeJS.Signals | undefined {
    return this.#by
  }

  /** Asks for an orderly end without a signal. */
  stop(): void {
    this.#controller.abort()
  }

  /** Leaves the signals to Node again. */
  dispose(): void {
    for (const name of names) process.off(name, this.#onSignal)
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (this.#by === undefined) {
      this.#by = name
      this.#atMs = performance.now()
      this.#controller.abort()
    } else if (performance.now() - this.#atMs > samePressMs) {
      this.#exit(signalExitCode(name))
    }
  }
}

/** What a shell expects of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. */
export function signalExitCode(name: NodeJS.Signals): number {
  return 128 + constants.signals[name]
}

/**
 * Ends the process at once. `process.exit` waits for threads, and a handler that is inside of a native
 * call can't be ended; what is stored is as safe as after a kill -9.
 */
export function exitNow(code: number): never {
  process.emit('exit', code)
  return addon().exitNow(code)
}
