import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Order } from '../../examples/http/order.js'

const main = fileURLToPath(new URL('../../build/js/examples/http/main.js', import.meta.url))

/** The HTTP example as a process, which may be killed and started again. */
export class HttpService {
  readonly #dir: string
  readonly #args: readonly string[]
  readonly #stockMs: number
  #child: ChildProcess | undefined
  #url = ''

  constructor(dir: string, { inFlight = 1000, stockMs = 2 } = {}) {
    this.#dir = dir
    this.#args = ['--port', '0', '--dir', dir, '--in-flight', String(inFlight)]
    this.#stockMs = stockMs
  }

  get outputs(): string {
    return join(this.#dir, 'orders.ndjson')
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [main, ...this.#args], {
      env: {
        ...process.env,
        SEMEL_HTTP_STOCK_MS: String(this.#stockMs),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    for await (const line of createInterface({ input: child.stdout })) {
      this.#url = line.replace('listening on ', '')
      return
    }
    throw new Error('the service ended before it listened')
  }

  /** @throws where there is no service, or it dies before it answers */
  send(order: Partial<Order>, wait = ''): Promise<Response> {
    return this.fetch(`/orders${wait}`, { method: 'POST', body: JSON.stringify(order) })
  }

  fetch(path: string, options?: RequestInit): Promise<Response> {
    return fetch(`${this.#url}${path}`, options)
  }

  /** Ends it by a signal; its exit code, or the signal that killed it. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    const child = this.#child
    if (child === undefined) return null
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    return child.exitCode ?? child.signalCode
  }

  /** For the end of a test, whatever came of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await this.end('SIGKILL')
    }
  }
}
