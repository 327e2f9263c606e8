import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { answers } from './ports.js'
import type { Server } from './server.js'

const startSeconds = 60
const stopSeconds = 10

/** Those that have not ended, for the end of this process. */
const running = new Set<Daemon>()

/** Ends at once what still runs. */
export function killDaemons(): void {
  for (const daemon of running) daemon.kill()
}

/** A server's process with all of its children: a group that no key on the terminal reaches. */
export class Daemon implements Server {
  readonly #name: string
  readonly #log: string
  readonly #process: ChildProcess
  readonly #ended: Promise<void>

  constructor(
    name: string,
    dir: string,
    command: readonly [string, ...string[]],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#name = name
    this.#log = join(dir, `${name}.log`)
    const log = openSync(this.#log, 'w')
    const [program, ...options] = command
    this.#process = spawn(program, options, {
      cwd: dir,
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    running.add(this)
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        running.delete(this)
        resolve()
      }
      this.#process.once('exit', end)
      this.#process.once('error', end)
    })
  }

  /** Waits until it listens, and then until `ready` says so. */
  async listening(
    port: number,
    ready: () => Promise<boolean> = () => Promise.resolve(true),
  ): Promise<this> {
    const deadline = performance.now() + startSeconds * 1000
    while (!((await answers(port)) && (await ready()))) {
      if (!running.has(this)) throw new Error(`${this.#name} ended at once: ${this.#lastLines()}`)
      if (performance.now() > deadline) {
        this.kill()
        throw new Error(
          `${this.#name} did not listen within ${startSeconds} s: ${this.#lastLines()}`,
        )
      }
      await after(50)
    }
    return this
  }

  async stop(): Promise<void> {
    this.#signal('SIGTERM')
    const patience = new AbortController()
    await Promise.race([
      this.#ended,
      after(stopSeconds * 1000, undefined, { signal: patience.signal }).catch(() => {}),
    ])
    patience.abort()
    // Also what its first process left behind.
    this.#signal('SIGKILL')
    await this.#ended
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process.pid === undefined) return
    try {
      process.kill(-this.#process.pid, signal)
    } catch {
      // The group has ended.
    }
  }

  #lastLines(): string {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-5).join('\n')
  }
}
