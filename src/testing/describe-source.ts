import type { MessageHeaders } from '../core/headers.js'
import type { Offset } from '../core/offset.js'
import type { Source, SourceBatch, SourceRow } from '../core/source.js'
import { testUnless, type Runner, type Skip } from './runner.js'

/** What a row is expected to be: a message, with its headers where it has some, or the line and the reason of a malformed one. */
export type ExpectedRow =
  | { readonly message: unknown; readonly headers?: MessageHeaders }
  | { readonly line: number; readonly reason: RegExp }

/** A source with content that is known. */
export interface SourceFixture {
  /** A definition of the same content; called for each reading. */
  source(): Source<unknown>
  /** The rows of each partition, in order. */
  readonly rows: ReadonlyMap<string, readonly ExpectedRow[]>
  dispose?(): void
}

/** A source as the suite takes it. */
export interface SourceUnderTest {
  readonly name: string
  create(): SourceFixture
  /** Why it can't be read again from an offset. */
  readonly resumable: true | Skip
  /** Why there are no malformed rows in it. */
  readonly malformed: true | Skip
  /** Why it does not know its size. */
  readonly sized: true | Skip
}

interface Reading {
  batches: SourceBatch<unknown>[]
  rows: Map<string, SourceRow<unknown>[]>
}

async function readAll(
  source: Source<unknown>,
  offsets: ReadonlyMap<string, Offset> = new Map(),
): Promise<Reading> {
  const reading: Reading = { batches: [], rows: new Map() }
  for await (const batch of source.read({ offsets, signal: new AbortController().signal })) {
    reading.batches.push(batch)
    const rows = reading.rows.get(batch.partition) ?? []
    rows.push(...batch.rows)
    reading.rows.set(batch.partition, rows)
  }
  return reading
}

function expectRows(
  { expect }: Runner,
  rows: readonly SourceRow<unknown>[] | undefined,
  expected: readonly ExpectedRow[],
): void {
  const found = rows ?? []
  expect(found).toHaveLength(expected.length)
  for (const [i, row] of found.entries()) {
    const wanted = expected[i] as ExpectedRow
    if ('message' in wanted) {
      expect(row).toHaveProperty('message')
      expect((row as { message: unknown }).message).toEqual(wanted.message)
      expect((row as { headers?: MessageHeaders }).headers ?? {}).toEqual(wanted.headers ?? {})
    } else {
      expect(row).toMatchObject({ malformed: { line: wanted.line } })
      expect((row as { malformed: { reason: string } }).malformed.reason).toMatch(wanted.reason)
    }
  }
}

/**
 * The suite that every source with offsets passes: replayable ones, and live ones as far as it concerns
 * them.
 * @param runner of tests, such as `import * as vitest from 'vitest'`
 * @example
 * describeSource(vitest, { name: 'orders', create, resumable: true, malformed: true, sized: true })
 */
export function describeSource(runner: Runner, under: SourceUnderTest): void {
  const { describe, test, beforeEach, afterEach, expect } = runner
  describe(`source ${under.name}`, () => {
    let fixture: SourceFixture
    beforeEach(() => {
      fixture = under.create()
    })
    afterEach(() => {
      fixture.dispose?.()
    })

    test('is a frozen definition that names its partitions before it is read', () => {
      const source = fixture.source()
      expect(Object.isFrozen(source)).toBe(true)
      expect(source.name).not.toBe('')
      expect(source.resumable).toBe(under.resumable === true)
      expect([...source.partitions].toSorted()).toEqual([...fixture.rows.keys()].toSorted())
    })

    test('gives every row once and in order, in batches of 1 to 1024', async () => {
      const { batches, rows } = await readAll(fixture.source())
      for (const [partition, expected] of fixture.rows)
        expectRows(runner, rows.get(partition), expected)
      for (const batch of batches) {
        expect(fixture.rows.has(batch.partition)).toBe(true)
        expect(batch.rows.length).toBeGreaterThan(0)
        expect(batch.rows.length).toBeLessThanOrEqual(1024)
      }
    })

    test('has offsets that grow from row to row and end at the batch', async () => {
      const { batches } = await readAll(fixture.source())
      const reached = new Map<string, Offset>()
      for (const { partition, rows, offset } of batches) {
        let last = reached.get(partition) ?? 0
        for (const row of rows) {
          expect(row.offset).toBeGreaterThan(last)
          last = row.offset
        }
        expect(offset).toBeGreaterThanOrEqual(last)
        reached.set(partition, offset)
      }
    })

    testUnless(runner, under.sized, 'knows its size from the first batch on', async () => {
      const { batches } = await readAll(fixture.source())
      for (const { offset, size } of batches) expect(size).toBeGreaterThanOrEqual(offset)
      for (const partition of fixture.rows.keys()) {
        const last = batches.findLast((batch) => batch.partition === partition)
        if (last !== undefined) expect(last.size).toBe(last.offset)
      }
    })

    testUnless(
      runner,
      under.malformed,
      'has malformed rows in their place, with line, text and reason',
      async () => {
        const { rows } = await readAll(fixture.source())
        const found = [...rows.values()].flat().filter((row) => 'malformed' in row)
        expect(found.length).toBeGreaterThan(0)
        for (const { malformed } of found) {
          expect(malformed.text).not.toBe('')
          expect(malformed.text.length).toBeLessThanOrEqual(64 * 1024)
          expect(malformed.reason).not.toBe('')
        }
      },
    )

    testUnless(
      runner,
      under.resumable,
      'gives exactly the rest from every offset that it named',
      async () => {
        const whole = await readAll(fixture.source())
        for (const [partition, rows] of whole.rows) {
          const others = [...whole.rows.keys()].filter((other) => other !== partition)
          const done = new Map(
            others.map((other) => [other, whole.batches.findLast((b) => b.partition === other)]),
          )
          for (let i = 0; i < rows.length; i++) {
            const offsets = new Map([[partition, (rows[i] as SourceRow<unknown>).offset]])
            for (const [other, batch] of done) offsets.set(other, batch?.offset ?? 0)
            const rest = await readAll(fixture.source(), offsets)
            expect(rest.rows.get(partition) ?? []).toEqual(rows.slice(i + 1))
            for (const other of others) expect(rest.rows.has(other)).toBe(false)
          }
        }
      },
    )

    testUnless(runner, under.resumable, 'gives exactly the rest behind every batch', async () => {
      const whole = await readAll(fixture.source())
      const offsets = new Map<string, Offset>()
      const left = new Map(whole.rows)
      for (const batch of whole.batches) {
        offsets.set(batch.partition, batch.offset)
        left.set(batch.partition, left.get(batch.partition)?.slice(batch.rows.length) ?? [])
        const rest = await readAll(fixture.source(), offsets)
        for (const [partition, rows] of left) expect(rest.rows.get(partition) ?? []).toEqual(rows)
      }
    })

    testUnless(
      runner,
      under.resumable,
      'gives nothing more when it is read again from where it ended',
      async () => {
        const offsets = new Map<string, Offset>()
        for (const { partition, offset } of (await readAll(fixture.source())).batches) {
          offsets.set(partition, offset)
        }
        for (let i = 0; i < 2; i++) {
          expect((await readAll(fixture.source(), offsets)).batches).toEqual([])
        }
      },
    )

    test('knows its partitions again, each as one, where it identifies them', async () => {
      const source = fixture.source()
      // Others are known by their names.
      if (source.identify === undefined) return
      const names = [...fixture.rows.keys()].toSorted()
      const first = await source.identify([], {})
      expect(first.map(({ name }) => name).toSorted()).toEqual(names)
      for (const { is } of first) expect(is).toEqual([])
      const { batches } = await readAll(source)
      const known = first.map(({ name, identity }) => ({
        name,
        // As it comes back out of a directory.
        identity: JSON.parse(JSON.stringify(identity)) as unknown,
        offset: batches.findLast(({ partition }) => partition === name)?.offset ?? 0,
      }))
      const others = [{ name: 'another', identity: { of: 'another kind' }, offset: 7 }]
      const again = await fixture.source().identify?.([...others, ...known], {})
      expect(again?.map(({ name, is }) => [name, is])).toEqual(
        first.map(({ name }, i) => [name, [i + 1]]),
      )
    })

    test('ends without an error when it is aborted, behind whole batches', async () => {
      const whole = await readAll(fixture.source())
      const abort = new AbortController()
      let batches = 0
      const { signal } = abort
      for await (const batch of fixture.source().read({ offsets: new Map(), signal })) {
        expect(batch.rows).toEqual(whole.batches[batches]?.rows)
        batches++
        abort.abort()
      }
      expect(batches).toBeGreaterThan(0)
      expect(batches).toBeLessThanOrEqual(2)
    })

    test('gives nothing when it is aborted before', async () => {
      const signal = AbortSignal.abort()
      for await (const batch of fixture.source().read({ offsets: new Map(), signal })) {
        expect(batch.rows).toBe('no batch at all')
      }
    })

    test('can be left in the middle', async () => {
      const signal = new AbortController().signal
      for await (const batch of fixture.source().read({ offsets: new Map(), signal })) {
        expect(batch.rows.length).toBeGreaterThan(0)
        break
      }
    })
  })
}
