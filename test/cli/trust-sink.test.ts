// `semel repair --trust-sink`: a directory that goes on from its sink, as an operator does it.
import { appendFileSync, cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Database } from '../connectors/sqlite/database.js'
import { Workspace } from './verbs.js'

const connector = new URL('../../dist/connectors/sqlite/index.js', import.meta.url).href

/** A file that grows, a table, and a directory in between. */
class Orders extends Workspace {
  #count = 0

  constructor() {
    super()
    const db = new Database(join(this.folder, 'orders.db'))
    db.exec('CREATE TABLE orders (id INTEGER)')
    db.close()
    this.module(
      'm.mjs',
      `pipeline('orders').accepts()
        .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
        .to(sqlite('orders.db', { table: 'orders' }))`,
      `import { sqlite } from '${connector}'`,
    )
  }

  grow(count: number): void {
    for (; count > 0; count--) {
      appendFileSync(join(this.folder, 'in.ndjson'), `{"id":${this.#count++}}\n`)
    }
  }

  run() {
    return this.line('run m.mjs --source in.ndjson --dir data --shards 2 --workers 0')
  }

  repair(...words: string[]) {
    return this.semel('repair', 'data', '--trust-sink', '--pipeline', 'm.mjs', ...words)
  }

  /** The directory is as it was then, and 60 more orders are in the table. */
  async putBack(): Promise<void> {
    this.grow(40)
    expect(await this.run()).toMatchObject({ code: 0 })
    cpSync(this.#path('data'), this.#path('backup'), { recursive: true })
    this.grow(60)
    expect(await this.run()).toMatchObject({ code: 0 })
    rmSync(this.#path('data'), { recursive: true })
    cpSync(this.#path('backup'), this.#path('data'), { recursive: true })
  }

  has(name: string): boolean {
    return existsSync(this.#path(name))
  }

  /** Each order is in the table once. */
  expectAll(): void {
    const db = new Database(this.#path('orders.db'))
    const rows = db.prepare('SELECT id FROM orders ORDER BY id').all() as { id: number }[]
    db.close()
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: this.#count }, (_, id) => id))
  }

  #path(name: string): string {
    return join(this.folder, name)
  }
}

describe('semel repair --trust-sink', () => {
  it(
    'tells what it would do and what that costs, does it, and the stream goes on',
    { timeout: 120_000 },
    async () => {
      const orders = new Orders()
      await orders.putBack()
      const refused = await orders.run()
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/SEMEL_SINK_AHEAD.*semel repair DIR --trust-sink/)

      const plan = await orders.repair('--dry-run')
      expect(plan).toMatchObject({ code: 1, stderr: '' })
      expect(plan.stdout).toMatch(
        /^orders, data\n\nshard 0\n {2}the sink has commits that the directory/,
      )
      expect(plan.stdout).toMatch(
        /directory: commit \d+ of epoch \d+, done through message \d+, \d+ stored/,
      )
      expect(plan.stdout).toMatch(/\d+ messages whose ids are forgotten: .*: \d+–\d+\n/)
      expect(plan.stdout).toMatch(/in\.ndjson is read on from offset \d+, not from \d+\n/)
      expect(plan.stdout).toContain('write the ack log of shard-1 anew: the sink has commit ')
      expect(orders.has('data/before-repair-1')).toBe(false)

      const { code, stderr } = await orders.repair()
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringContaining('there is no terminal to ask on') as string,
      })

      const done = await orders.repair('--yes')
      expect(done).toMatchObject({ code: 0, stderr: '' })
      expect(done.stdout).toContain('Done; the files as they were are in data/before-repair-1.\n')
      expect(await orders.semel('verify', 'data')).toMatchObject({ code: 0 })
      orders.grow(20)
      expect(await orders.run()).toMatchObject({ code: 0 })
      orders.expectAll()

      const again = await orders.repair('--yes')
      expect(again).toMatchObject({
        code: 0,
        stdout: 'orders, data: the sink and the directory agree, nothing to repair\n',
      })
    },
  )

  it('can be killed at any moment and run again', { timeout: 120_000 }, async () => {
    const orders = new Orders()
    await orders.putBack()
    for (let delayMs = 100; delayMs < 2000; delayMs += 60) {
      const words = ['repair', 'data', '--trust-sink', '--pipeline', 'm.mjs', '--yes']
      const running = orders.start(words)
      setTimeout(() => running.child.kill('SIGKILL'), delayMs)
      const { code } = await running.ended
      if (code === 0) break
    }
    expect(await orders.repair('--yes')).toMatchObject({ code: 0, stderr: '' })
    orders.grow(10)
    expect(await orders.run()).toMatchObject({ code: 0 })
    orders.expectAll()
  })

  it('lets a new directory take the place of one that is lost', { timeout: 120_000 }, async () => {
    const orders = new Orders()
    orders.grow(50)
    expect(await orders.run()).toMatchObject({ code: 0 })
    rmSync(join(orders.folder, 'data'), { recursive: true })
    expect((await orders.run()).stderr).toMatch(/SEMEL_SINK_TAKEN.*semel repair DIR --trust-sink/)
    const { code, stdout } = await orders.repair('--yes', '--json')
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as { steps: string[]; shards: { standing: string }[] }
    expect(report.steps[0]).toContain('take over the history')
    expect(report.shards.map(({ standing }) => standing)).toEqual(['other', 'other'])
    orders.grow(5)
    expect(await orders.run()).toMatchObject({ code: 0 })
    orders.expectAll()
  })

  it('says what is missing or does not fit', { timeout: 120_000 }, async () => {
    const orders = new Orders()
    orders.grow(5)
    expect(await orders.run()).toMatchObject({ code: 0 })
    orders.module(
      'other.mjs',
      `pipeline('others').accepts().deliver('at-least-once').to(file('x'))`,
    )
    const cases = [
      ['data --trust-sink --yes', 2, /give its module with --pipeline MODULE/],
      ['data --pipeline m.mjs --yes', 2, /--pipeline is for --trust-sink/],
      ['data --config c.json --yes', 2, /--config is for --trust-sink/],
      ['data --trust-sink --pipeline none.mjs --yes', 1, /SEMEL_MODULE: none\.mjs/],
      [
        'data --trust-sink --pipeline other.mjs --yes',
        1,
        /no transactional sink under exactly-once/,
      ],
      ['nowhere --trust-sink --pipeline m.mjs --yes', 1, /SEMEL_FORMAT: nowhere holds no stream/],
    ] as const
    for (const [words, code, message] of cases) {
      const ended = await orders.line(`repair ${words}`)
      expect(ended).toMatchObject({ code, stdout: '' })
      expect(ended.stderr).toMatch(message)
    }
  })
})
