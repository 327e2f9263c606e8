import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./service.js', import.meta.url))

/** The service as a process that is killed, and started again. */
export class ServiceProcess {
  readonly #dir: string
  readonly #database: string
  #child: ChildProcess | undefined
  #port = 0

  constructor(dir: string, database: string) {
    this.#dir = dir
    this.#database = database
  }

  /** Where it is now; when it is down, where it was. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/payments`
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, this.#dir], {
      env: { ...process.env, SEMEL_PAYMENTS_DB: this.#database },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    for await (const line of createInterface({ input: child.stdout })) {
      this.#port = Number(line)
      return
    }
    throw new Error('the service ended before it listened')
  }

  /**
   * Ends it: by SIGKILL in the middle of whatever it does, by SIGTERM when all that it has taken is booked.
   * @throws where it was told to end, and has failed
   */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    if (signal === 'SIGTERM' && child.exitCode !== 0) {
      throw new Error(`the service ended with ${child.exitCode ?? child.signalCode}`)
    }
  }
}
