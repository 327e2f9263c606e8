import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { open } from 'semel'
import { database, scratch } from './database.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

const table = 'CREATE TABLE bars (id INTEGER PRIMARY KEY, price REAL NOT NULL CHECK (price >= 0))'

interface Bar {
  readonly id: number
  readonly price: number
}

/** The module of a pipeline into the database. */
function moduleFor(path: string, delivery = "'at-least-once'"): URL {
  const module = join(mkdtempSync(join(folder, 'bars-')), 'bars.pipeline.js')
  writeFileSync(
    module,
    `import { pipeline } from 'semel'
import { sqlite } from 'semel/sqlite'
export default pipeline('bars')
  .accepts()
  .deliver(${delivery})
  .retry({ attempts: 1 })
  .to(sqlite(${JSON.stringify(path)}, { table: 'bars' }))
`,
  )
  return pathToFileURL(module)
}

test.each([0, 2])(
  'a stream with %i workers writes rows, and those that are refused are its dead letters',
  async (workers) => {
    const { path, db } = database(table)
    const stream = await open<Bar>(moduleFor(path), {
      dir: join(scratch(), 'stream'),
      workers,
      shards: 2,
    })
    for (let id = 0; id < 200; id++) stream.push({ id, price: id % 50 === 7 ? -1 : id })
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 196, deadLettered: 4 })
    await stream.close()
    expect(db.prepare('SELECT count(*) AS count, sum(id) AS sum FROM bars').get()).toEqual({
      count: 196,
      sum: 19_900 - 7 - 57 - 107 - 157,
    })
  },
)

/** Sends bars with ids from the first one on that was not answered, until it is killed. */
const sender = (module: URL, dir: string, workers: number, from: number): string => `
import { open } from 'semel'
const stream = await open(new URL(${JSON.stringify(module.href)}), {
  dir: ${JSON.stringify(dir)}, workers: ${workers}, shards: 2, acknowledge: 'processed',
})
for (let id = ${from}; ; id += 20) {
  const bars = Array.from({ length: 20 }, (_, at) => ({ id: id + at, price: 1 }))
  await Promise.all(bars.map((bar) => stream.send(bar)))
  process.stdout.write(id + 20 + '\\n')
}
`

/** Up to which id all were answered when it was killed. */
function killed(program: string, afterMs: number): Promise<{ answered: number; errors: string }> {
  const file = join(mkdtempSync(join(folder, 'sender-')), 'sender.js')
  writeFileSync(file, program)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file])
    let out = ''
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    child.stdout.on('data', (data: Buffer) => {
      if (out === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
      out += data.toString()
    })
    child.on('close', () => resolve({ answered: Number(out.split('\n').at(-2) ?? 0), errors }))
  })
}

test.each([0, 2])(
  'a stream with %i workers has each row once, however often it is killed',
  async (workers) => {
    const { path, db } = database('CREATE TABLE bars (id INTEGER, price REAL)')
    const module = moduleFor(path, "'exactly-once', { id: (bar) => String(bar.id), window: '1h' }")
    const dir = join(scratch(), 'stream')
    let answered = 0
    for (let life = 0; life < 4; life++) {
      const ended = await killed(sender(module, dir, workers, answered), 10 + life * 20)
      expect(ended.errors).toBe('')
      answered = Math.max(answered, ended.answered)
    }
    const stream = await open<Bar>(module, { dir, workers, shards: 2 })
    await stream.drain()
    await stream.close()
    const rows = db.prepare('SELECT id FROM bars ORDER BY id').all() as readonly Bar[]
    const ids = rows.map(({ id }) => id)
    expect(ids.length).toBe(new Set(ids).size)
    expect(ids.slice(0, answered)).toEqual(Array.from({ length: answered }, (_, id) => id))
    // Each life gets to its first answers at least.
    expect(answered).toBeGreaterThanOrEqual(80)
  },
  60_000,
)
