import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { open } from 'semel'
import { ownServer, thrownBy } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'postgres-'))
afterAll(() => rmSync(folder, { recursive: true }))

const folders: string[] = []
afterEach(() => {
  for (const one of folders.splice(0)) rmSync(one, { recursive: true })
})

function scratch(): string {
  const one = mkdtempSync(join(tmpdir(), 'semel-postgres-'))
  folders.push(one)
  return one
}

interface Bar {
  readonly id: number
  readonly price: number
}

let modules = 0

/** The module of a pipeline into a table of its own. */
async function moduleFor(
  columns: string,
  delivery: string,
): Promise<{ module: URL; table: string }> {
  const table = `bars_${++modules}`
  await own.server.ask(`CREATE TABLE ${table} (${columns})`)
  const module = join(mkdtempSync(join(folder, 'bars-')), 'bars.pipeline.js')
  writeFileSync(
    module,
    `import { pipeline } from 'semel'
import { postgres } from 'semel/postgres'
export default pipeline('${table}')
  .accepts()
  .deliver(${delivery})
  .retry({ attempts: 1 })
  .to(postgres(${JSON.stringify(own.server.url)}, { table: '${table}' }))
`,
  )
  return { module: pathToFileURL(module), table }
}

const once = "'exactly-once', { id: (bar) => String(bar.id), window: '1h' }"

async function idsOf(table: string): Promise<number[]> {
  const rows = await own.server.ask(`SELECT id FROM ${table} ORDER BY id`)
  return rows.map(({ id }) => id as number)
}

/** Sends bars with ids from the first one on that was not answered, until it is killed. */
const sender = (module: URL, dir: string, workers: number, from: number): string => `
import { open } from 'semel'
const stream = await open(new URL(${JSON.stringify(module.href)}), {
  dir: ${JSON.stringify(dir)}, workers: ${workers}, shards: 2, acknowledge: 'processed',
})
stream.on('sink-failed', () => {})
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

describe.skipIf(!hasServer)('a stream into PostgreSQL', () => {
  test.each([0, 2])(
    'with %i workers writes rows, and those that are refused are its dead letters',
    async (workers) => {
      const { module, table } = await moduleFor(
        'id int PRIMARY KEY, price float8 NOT NULL CHECK (price >= 0)',
        once,
      )
      const stream = await open<Bar>(module, { dir: join(scratch(), 'stream'), workers, shards: 2 })
      for (let id = 0; id < 200; id++) stream.push({ id, price: id % 50 === 7 ? -1 : id })
      await stream.drain()
      expect(stream.counters()).toMatchObject({ processed: 196, deadLettered: 4 })
      await stream.close()
      const ids = await idsOf(table)
      expect(ids.length).toBe(196)
      expect(ids.filter((id) => id % 50 === 7)).toEqual([])
    },
  )

  test.each([0, 2])(
    'with %i workers has each row once, however often it is killed',
    async (workers) => {
      const { module, table } = await moduleFor('id int, price float8', once)
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
      const ids = await idsOf(table)
      expect(ids.length).toBe(new Set(ids).size)
      expect(ids.slice(0, answered)).toEqual(Array.from({ length: answered }, (_, id) => id))
      // Each life gets to its first answers at least.
      expect(answered).toBeGreaterThanOrEqual(80)
    },
    60_000,
  )

  test.each([0, 2])(
    'with %i workers has each row once, however often the server is killed',
    async (workers) => {
      const { module, table } = await moduleFor('id int, price float8', once)
      const dir = join(scratch(), 'stream')
      const stream = await open<Bar>(module, { dir, workers, shards: 2, acknowledge: 'processed' })
      let failures = 0
      stream.on('sink-failed', () => (failures += 1))
      let sent = 0
      const ending = new AbortController()
      const sending = (async () => {
        while (!ending.signal.aborted) {
          const bars = Array.from({ length: 20 }, (_, at) => ({ id: sent + at, price: 1 }))
          await Promise.all(bars.map((bar) => stream.send(bar)))
          sent += 20
        }
      })()
      for (let life = 0; life < 3; life++) {
        await new Promise((resolve) => setTimeout(resolve, 150))
        await own.server.kill()
        await new Promise((resolve) => setTimeout(resolve, 50))
        await own.server.run()
      }
      await new Promise((resolve) => setTimeout(resolve, 150))
      ending.abort()
      await sending
      await stream.close()
      expect(failures).toBeGreaterThan(0)
      expect(await idsOf(table)).toEqual(Array.from({ length: sent }, (_, id) => id))
    },
    60_000,
  )

  test('whose worker is terminated goes on with another one', async () => {
    const table = `bars_${++modules}`
    await own.server.ask(`CREATE TABLE ${table} (id int, price float8)`)
    const module = join(mkdtempSync(join(folder, 'bars-')), 'bars.pipeline.js')
    writeFileSync(
      module,
      `import { existsSync, writeFileSync } from 'node:fs'
import { pipeline } from 'semel'
import { postgres } from 'semel/postgres'
const marker = ${JSON.stringify(join(scratch(), 'ended'))}
export default pipeline('${table}')
  .accepts()
  .deliver(${once})
  .map((bar) => {
    // As where its thread is terminated: nothing of it ends by itself.
    if (bar.id === 150 && !existsSync(marker)) {
      writeFileSync(marker, '')
      process.exit(1)
    }
    return bar
  })
  .to(postgres(${JSON.stringify(own.server.url)}, { table: '${table}' }))
`,
    )
    const dir = join(scratch(), 'stream')
    const stream = await open<Bar>(pathToFileURL(module), { dir, workers: 1, shards: 2 })
    for (let id = 0; id < 300; id++) stream.push({ id, price: 1 })
    await stream.drain()
    await stream.close()
    expect(await idsOf(table)).toEqual(Array.from({ length: 300 }, (_, id) => id))
  })

  test('is refused another directory’s commits, an older copy of them, and none', async () => {
    const { module, table } = await moduleFor('id int, price float8', once)
    const dir = join(scratch(), 'stream')
    const fill = async (into: string, from: number): Promise<void> => {
      const stream = await open<Bar>(module, { dir: into, workers: 0 })
      for (let id = from; id < from + 10; id++) stream.push({ id, price: 1 })
      await stream.drain()
      await stream.close()
    }
    await fill(dir, 0)
    const of = `pipeline = '${table}'`
    await own.server.ask(`CREATE TABLE copy_${table} AS SELECT * FROM semel_commits WHERE ${of}`)
    expect(await thrownBy(() => fill(join(scratch(), 'other'), 0))).toMatchObject({
      code: 'SEMEL_SINK_TAKEN',
    })
    await fill(dir, 10)
    await own.server.ask(
      `DELETE FROM semel_commits WHERE ${of}; INSERT INTO semel_commits SELECT * FROM copy_${table}`,
    )
    expect(await thrownBy(() => fill(dir, 20))).toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
    await own.server.ask(`DELETE FROM semel_commits WHERE ${of}`)
    expect(await thrownBy(() => fill(dir, 20))).toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
  })
})
