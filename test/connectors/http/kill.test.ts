import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { atEnd, post, scratch, type Told } from './service.js'

const program = fileURLToPath(
  new URL('../../../build/js/test/fixtures/http-payments.js', import.meta.url),
)
const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => {
  prepare(sql: string): { all(): unknown[] }
  close(): void
}

const kills = Number(process.env['SEMEL_RUNS'] ?? 4)
const clients = 8

/** The server of payments as a process that is killed and started again. */
class Payments {
  readonly #dir: string
  #child: ChildProcess | undefined
  #port = 0

  constructor(dir: string) {
    this.#dir = dir
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, this.#dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    for await (const line of createInterface({ input: child.stdout })) {
      this.#port = Number(line)
      return
    }
    throw new Error('the program ended before it listened')
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Sends it until it is answered for good, through whatever happens to the server. */
  async pay(key: string, cents: number): Promise<Told> {
    for (;;) {
      const told = await post(`http://127.0.0.1:${this.#port}/`, { cents }, { key }).catch(() => {})
      if (told !== undefined && ![409, 503, 504].includes(told.status)) return told
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

test(`${kills} kills -9 of a server: each payment is taken once, and its key is its own`, async () => {
  const dir = scratch()
  const payments = new Payments(dir)
  atEnd(() => payments.kill())
  await payments.start()
  const over = new AbortController()
  const paid = new Map<string, number>()
  const failures: unknown[] = []
  const working = Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 1; !over.signal.aborted; n++) {
        const key = `${client}-${n}`
        const told = await payments.pay(key, n)
        if (told.status !== 200 || told.body.result.cents !== n) failures.push(told)
        paid.set(key, n)
        // Also behind a restart: what the first one was is known from the database.
        if (n % 4 === 0) {
          const other = await payments.pay(key, n + 1)
          if (other.body.code !== 'SEMEL_KEY_REUSED') failures.push(other)
          const again = await payments.pay(key, n)
          if (again.body.result?.cents !== n) failures.push(again)
        }
      }
    }),
  )
  for (let kill = 0; kill < kills; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    await payments.kill()
    await payments.start()
  }
  over.abort()
  await working
  await payments.kill()
  const db = new Database(join(dir, 'payments.db'))
  const rows = db.prepare('SELECT id, cents FROM payments').all() as { id: string; cents: number }[]
  db.close()
  expect(failures).toEqual([])
  expect(paid.size).toBeGreaterThan(kills * 5)
  // 0 lost, 0 twice.
  expect(rows.map(({ id, cents }) => `${id} ${cents}`).toSorted()).toEqual(
    [...paid].map(([id, cents]) => `${id} ${cents}`).toSorted(),
  )
}, 600_000)
