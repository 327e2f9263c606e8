// Streams without a journal, and pipelines that know copies by position: sources alone feed them, and
// what was in memory is read again.
import { EventEmitter, once as happened } from 'node:events'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import {
  file,
  fileSinkPath,
  fileSource,
  fixed,
  iterableSource,
  memory,
  open,
  pipeline,
  type Durability,
} from 'semel'
import { inspectDirectory, verifyDirectory } from 'semel/directory'
import { memoryQueue } from 'semel/testing'
import { describe, expect, it, test } from 'vitest'
import { expectBalanced, opened, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 10)

interface Row {
  readonly n: number
  readonly key: string
}

const row = (n: number): Row => ({ n, key: `key-${n % 7}` })
const lines = (rows: readonly Row[]): string =>
  rows.map((one) => `${JSON.stringify(one)}\n`).join('')

function outputs(to: string, shards: number): Row[] {
  return Array.from({ length: shards }, (_, shard) => fileSinkPath(to, shard, shards))
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as Row)
}

describe('a stream without a journal', () => {
  const definition = pipeline('rows').accepts<Row>().deliver('at-least-once').to(memory<Row>())

  it('takes replayable sources, and nothing that a crash would take away', async () => {
    const stream = await opened(definition, {
      dir: scratch(),
      journal: false,
      workers: 0,
      ...small,
    })
    const refusal = { code: 'SEMEL_INVALID_ARGUMENT', message: expect.stringContaining('journal') }
    await expect(stream.send(row(1))).rejects.toMatchObject(refusal)
    expect(() => stream.push(row(1))).toThrow(expect.objectContaining(refusal))
    expect(await stream.sendMany([row(1)])).toMatchObject([{ status: 'refused', error: refusal }])
    await expect(stream.consume(iterableSource([row(1)]))).rejects.toMatchObject(refusal)
    await expect(stream.consume(memoryQueue<Row>().source)).rejects.toMatchObject(refusal)
    expect(stream.counters().stored).toBe(0)
  })

  it('is refused where it is no boolean, and makes no difference at most once', async () => {
    await expect(open(definition, { dir: scratch(), journal: 0 as never })).rejects.toMatchObject({
      message: 'journal: 0 is neither true nor false; give one of them',
    })
    const sink = memory<Row>()
    const once = pipeline('rows').accepts<Row>().deliver('at-most-once').to(sink)
    const stream = await opened(once, { journal: false, workers: 0, ...small })
    await stream.send(row(1))
    await stream.drain()
    expect(sink.outputs).toEqual([row(1)])
  })

  it('is refused to a pipeline whose producers send', async () => {
    const produced = pipeline('rows')
      .accepts<Row>()
      .deliver('at-least-once', { producer: ({ n }) => ({ id: 'one', epoch: 1, sequence: n }) })
      .to(memory<Row>())
    await expect(open(produced, { dir: scratch(), journal: false })).rejects.toMatchObject({
      message: expect.stringContaining('leave journal out, or deliver without producer'),
    })
  })

  it('begins where nothing is left in the journal, and may have one again', async () => {
    const dir = scratch()
    const path = join(dir, 'in.ndjson')
    const to = join(dir, 'out.ndjson')
    const data = join(dir, 'data')
    const held = new EventEmitter()
    let isFree = false
    const slow = pipeline('rows')
      .accepts<Row>()
      .deliver('exactly-once', { by: 'position' })
      .map(async (one) => {
        if (!isFree) await happened(held, 'free')
        return one
      })
      .to(file(to))
    const options = { dir: data, workers: 0, ...small }
    const journal = join(data, 'shard-0', 'journal')
    writeFileSync(path, lines([row(1), row(2)]))
    const first = await open(slow, options)
    await first.consume(fileSource<Row>(path))
    await first.close({ timeout: 0 })
    isFree = true
    held.emit('free')
    await expect(open(slow, { ...options, journal: false })).rejects.toMatchObject({
      code: 'SEMEL_MISMATCH',
      message: expect.stringContaining('2 messages in its journal that are not done'),
    })
    for (const [n, withJournal] of [true, false, false, true, false].entries()) {
      appendFileSync(path, lines([row(10 + n)]))
      const stream = await open(slow, { ...options, journal: withJournal })
      await stream.consume(fileSource<Row>(path))
      await stream.drain()
      await stream.close()
      if (withJournal) expect(existsSync(journal)).toBe(true)
      expect(verifyDirectory(data)).toMatchObject({ damaged: false })
      expect(inspectDirectory(data).shards[0]).toMatchObject({ stored: 3 + n, clean: true })
    }
    expect(outputs(to, 1).map(({ n }) => n)).toEqual([1, 2, 10, 11, 12, 13, 14])
  })
})

describe('exactly once by position', () => {
  it('takes replayable sources alone, with a journal too', async () => {
    const definition = pipeline('rows')
      .accepts<Row>()
      .deliver('exactly-once', { by: 'position' })
      .to(memory<Row>() as never)
    const stream = await opened(definition, { dir: scratch(), workers: 0, ...small })
    const refusal = { code: 'SEMEL_INVALID_ARGUMENT', message: expect.stringContaining('position') }
    await expect(stream.send(row(1) as never)).rejects.toMatchObject(refusal)
    expect(() => stream.push(row(1) as never)).toThrow(expect.objectContaining(refusal))
    await expect(stream.consume(iterableSource([row(1)]))).rejects.toMatchObject(refusal)
    await expect(stream.consume(memoryQueue<Row>().source)).rejects.toMatchObject(refusal)
  })
})

const durabilities: readonly Durability[] = ['process', { interval: 2 }, 'disk']

test('rows come out once and in order of their keys, through lives that end anywhere', async () => {
  const life = fc.record({
    appended: fc.integer({ min: 0, max: 60 }),
    // How the life ends: drained, in the middle of the reading, or behind it with messages under way.
    ends: fc.constantFrom('drained', 'reading', 'behind'),
    failing: fc.boolean(),
    again: fc.boolean(),
  })
  const drawn = fc.record({
    lives: fc.array(life, { minLength: 1, maxLength: 6 }),
    shards: fc.constantFrom(1, 3),
    workers: fc.constant(0),
    durability: fc.constantFrom(...durabilities),
    journal: fc.constantFrom(false, false, true),
    async: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(drawn, async ({ lives, shards, workers, durability, journal, async }) => {
      const dir = scratch()
      const paths = ['a', 'b'].map((name) => join(dir, `${name}.ndjson`))
      const to = join(dir, 'out.ndjson')
      let isFailing = false
      const handle = async (one: Row, attempt: number): Promise<Row> => {
        if (async) await setImmediate()
        if (isFailing && one.n % 5 === 0 && attempt === 1) throw new Error('once')
        return one
      }
      const definition = pipeline('rows')
        .accepts<Row>()
        .deliver('exactly-once', { by: 'position' })
        .keyBy(({ key }) => key)
        .retry({ attempts: 5, backoff: fixed('1ms') })
        .map((one, { attempt }) => handle(one, attempt))
        .to(file(to))
      let n = 0
      for (const path of paths) writeFileSync(path, '')
      for (const { appended, ends, failing, again } of [
        ...lives,
        { appended: 1, ends: 'drained', failing: false, again: true } as const,
      ]) {
        const rows = Array.from({ length: appended }, () => row(n++))
        // A key's rows are in one file, since order holds in a partition.
        for (const [i, path] of paths.entries()) {
          appendFileSync(path, lines(rows.filter(({ n: one }) => (one % 7) % 2 === i)))
        }
        isFailing = failing
        const stream = await open(definition, {
          dir: join(dir, 'data'),
          shards,
          workers,
          durability,
          journal,
          ...small,
        })
        const stop = new AbortController()
        let batches = 0
        const onProgress = (): void => {
          if (ends === 'reading' && ++batches === 3) stop.abort()
        }
        const read = () =>
          stream.consume(fileSource<Row>(paths, { batch: 4 }), { signal: stop.signal, onProgress })
        await read()
        if (again) await Promise.all([read(), read()])
        if (ends === 'drained') await stream.drain()
        expectBalanced(stream.counters())
        await stream.close(ends === 'drained' ? {} : { timeout: 0 }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'SEMEL_TIMEOUT' })
        })
      }
      const found = outputs(to, shards)
      expect(found.map((one) => one.n).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: n }, (_, i) => i),
      )
      for (let key = 0; key < 7; key++) {
        const own = found.filter((one) => one.key === `key-${key}`).map((one) => one.n)
        expect(own).toEqual(own.toSorted((a, b) => a - b))
      }
    }),
    { numRuns },
  )
})
