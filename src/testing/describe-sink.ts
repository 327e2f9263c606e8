import {
  RejectedOutputs,
  type Sink,
  type SinkConnection,
  type SinkContext,
  type SinkKind,
} from '../core/sink.js'
import { testUnless, type Runner, type Skip } from './runner.js'
import { originOf } from './origin-of.js'

/** A fresh sink, and the ways to look at it and to hurt it. */
export interface SinkFixture {
  readonly sink: Sink<unknown>
  /** What a reader of a shard's outputs sees, in order. */
  read(shard: number, shards: number): unknown[]
  /** Leaves the beginning of an output behind all others, as a crash in a write does. */
  readonly tear: ((shard: number, shards: number) => void) | Skip
  /** Makes the next write fail when half of it has been done. */
  readonly failNextWrite: (() => void) | Skip
  /** An output that the sink refuses, while it takes others. */
  readonly refused: { readonly output: unknown } | Skip
  dispose?(): void
}

/** A sink as the suite takes it. */
export interface SinkUnderTest {
  readonly name: string
  readonly kind: SinkKind
  create(): SinkFixture
}

const context = (shard = 0, shards = 1): SinkContext => ({
  pipeline: 'test',
  shard,
  shards,
  epoch: 1,
  durability: 'disk',
})

/** Each output has a message of its own, and the same one whenever it is written. */
function writeTo(
  connection: SinkConnection<unknown>,
  outputs: readonly unknown[],
): void | Promise<void> {
  return connection.write(outputs, {
    epoch: 1,
    through: 1,
    originOf: (at) => originOf((outputs[at] as { id?: number } | null)?.id ?? 1_000_000 + at),
  })
}
const numbered = (from: number, to: number): unknown[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i, text: `“${from + i}”\n` }))

/** Writes as a shard does: what is refused is left out, what failed as a whole is tried again. */
async function writeAll(
  connection: SinkConnection<unknown>,
  outputs: readonly unknown[],
): Promise<unknown[]> {
  const refused: unknown[] = []
  let rest = outputs
  for (let attempts = 0; attempts < 10 && rest.length > 0; attempts++) {
    try {
      await writeTo(connection, rest)
      return refused
    } catch (thrown) {
      if (!(thrown instanceof RejectedOutputs)) continue
      const { rejected, written } = thrown
      refused.push(...rest.filter((_, i) => rejected.has(i)))
      rest = rest.filter((_, i) => i >= written && !rejected.has(i))
    }
  }
  return refused
}

/**
 * The suite that every sink passes, by its kind.
 * @param runner of tests, such as `import * as vitest from 'vitest'`
 * @example
 * describeSink(vitest, { name: 'orders', kind: 'rewindable', create })
 */
export function describeSink(runner: Runner, under: SinkUnderTest): void {
  const { describe, test, beforeEach, afterEach, expect } = runner
  const can = under.create()
  can.dispose?.()
  describe(`sink ${under.name}`, () => {
    let fixture: SinkFixture
    beforeEach(() => {
      fixture = under.create()
    })
    afterEach(() => {
      fixture.dispose?.()
    })

    async function connect(
      place?: number,
      shard = 0,
      shards = 1,
    ): Promise<SinkConnection<unknown>> {
      const connection = await fixture.sink.connect(context(shard, shards))
      await connection.rewind?.(place)
      return connection
    }

    test('is a frozen definition with a name and the kind that it claims', async () => {
      expect(Object.isFrozen(fixture.sink)).toBe(true)
      expect(fixture.sink.name).not.toBe('')
      expect(fixture.sink.kind).toBe(under.kind)
      const connection = await connect()
      expect(typeof connection.rewind).toBe(under.kind === 'rewindable' ? 'function' : 'undefined')
      expect(typeof connection.place).toBe(under.kind === 'rewindable' ? 'function' : 'undefined')
      await connection.close()
    })

    test('keeps the order of outputs and of batches', async () => {
      const connection = await connect()
      for (const [from, to] of [
        [0, 1],
        [1, 1],
        [1, 600],
        [600, 603],
      ] as const) {
        await writeTo(connection, numbered(from, to))
      }
      await connection.flush?.()
      await connection.close()
      expect(fixture.read(0, 1)).toEqual(numbered(0, 603))
    })

    test('keeps the shards apart', async () => {
      const shards = await Promise.all([0, 1, 2].map((shard) => connect(undefined, shard, 3)))
      for (const [shard, connection] of shards.entries()) {
        await writeTo(connection, numbered(shard * 10, shard * 10 + 5))
      }
      for (const connection of shards) await connection.close()
      for (const shard of [0, 1, 2]) {
        expect(fixture.read(shard, 3)).toEqual(numbered(shard * 10, shard * 10 + 5))
      }
    })

    test('goes on behind its outputs when it is opened again', async () => {
      const first = await connect()
      await writeTo(first, numbered(0, 3))
      const place = first.place?.()
      await first.close()
      const second = await connect(place)
      await writeTo(second, numbered(3, 5))
      await second.close()
      expect(fixture.read(0, 1)).toEqual(numbered(0, 5))
    })

    test('flushes whatever was written, also nothing', async () => {
      const connection = await connect()
      await connection.flush?.()
      await writeTo(connection, numbered(0, 3))
      await connection.flush?.()
      await connection.flush?.()
      await connection.close()
      expect(fixture.read(0, 1)).toEqual(numbered(0, 3))
    })

    test('closes twice, and refuses a write from then on', async () => {
      const connection = await connect()
      await connection.close()
      await connection.close()
      const write = async (): Promise<void> => writeTo(connection, numbered(0, 1))
      await expect(write()).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
      expect(fixture.read(0, 1)).toEqual([])
    })

    testUnless(
      runner,
      can.refused,
      'names refused outputs, and has written exactly those in front of `written`',
      async () => {
        const { output } = fixture.refused as { output: unknown }
        const connection = await connect()
        await writeTo(connection, numbered(0, 2))
        const outputs = [...numbered(2, 4), output, ...numbered(4, 6), output]
        const thrown = await Promise.resolve()
          .then(() => writeTo(connection, outputs))
          .catch((error: unknown) => error)
        expect(thrown).toBeInstanceOf(RejectedOutputs)
        const { rejected, written } = thrown as RejectedOutputs
        expect(rejected.size).toBeGreaterThan(0)
        for (const [index, reason] of rejected) {
          expect(outputs[index]).toBe(output)
          expect(index).toBeGreaterThanOrEqual(written)
          expect(reason.message).not.toBe('')
        }
        expect(fixture.read(0, 1)).toEqual([...numbered(0, 2), ...outputs.slice(0, written)])
        await connection.close()
      },
    )

    testUnless(
      runner,
      can.refused,
      'takes the others when refused outputs are left out',
      async () => {
        const { output } = fixture.refused as { output: unknown }
        const connection = await connect()
        const outputs = [output, ...numbered(0, 3), output, ...numbered(3, 5), output]
        expect(await writeAll(connection, outputs)).toEqual([output, output, output])
        await connection.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 5))
      },
    )

    testUnless(
      runner,
      can.failNextWrite,
      'does not repeat outputs when a failed write is made again',
      async () => {
        const connection = await connect()
        await writeTo(connection, numbered(0, 3))
        const place = connection.place?.()
        if (typeof fixture.failNextWrite === 'function') fixture.failNextWrite()
        const write = async (): Promise<void> => writeTo(connection, numbered(3, 300))
        await expect(write()).rejects.toMatchObject({ name: 'SemelError' })
        expect(fixture.read(0, 1)).toEqual(numbered(0, 3))
        expect(connection.place?.()).toBe(place)
        await write()
        await connection.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 300))
      },
    )

    if (under.kind === 'idempotent') {
      test('outputs that are written again change nothing', async () => {
        const connection = await connect()
        await writeTo(connection, numbered(0, 5))
        await writeTo(connection, numbered(2, 5))
        await writeTo(connection, numbered(2, 7))
        await connection.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 7))
      })
    }

    if (under.kind === 'rewindable') {
      test('is cut back at any time between two calls, and goes on there', async () => {
        const connection = await connect()
        const held: unknown[] = []
        let next = 0
        for (const [committed, taken] of [
          [2, 3],
          [0, 300],
          [1, 0],
          [5, 1],
        ] as const) {
          const kept = numbered(next, next + committed)
          await writeTo(connection, kept)
          held.push(...kept)
          next += committed
          const place = connection.place?.()
          await writeTo(connection, numbered(next, next + taken))
          if (taken > 1) await connection.flush?.()
          await connection.rewind?.(place)
          expect(connection.place?.()).toBe(place)
          expect(fixture.read(0, 1)).toEqual(held)
        }
        await connection.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 8))
      })

      test('is cut back to every place that was committed, and goes on there', async () => {
        const first = await connect()
        const places = [first.place?.()]
        for (let i = 0; i < 6; i++) {
          await writeTo(first, numbered(i * 2, i * 2 + 2))
          places.push(first.place?.())
        }
        await first.close()
        for (let i = places.length - 1; i >= 0; i--) {
          const connection = await connect(places[i])
          expect(connection.place?.()).toBe(places[i])
          expect(fixture.read(0, 1)).toEqual(numbered(0, i * 2))
          await writeTo(connection, numbered(100, 101))
          await connection.close()
          expect(fixture.read(0, 1)).toEqual([...numbered(0, i * 2), ...numbered(100, 101)])
        }
      })

      testUnless(runner, can.tear, 'cuts a torn output behind the committed place', async () => {
        const first = await connect()
        await writeTo(first, numbered(0, 3))
        const place = first.place?.()
        await writeTo(first, numbered(3, 5))
        await first.close()
        if (typeof fixture.tear === 'function') fixture.tear(0, 1)
        const second = await connect(place)
        expect(fixture.read(0, 1)).toEqual(numbered(0, 3))
        await writeTo(second, numbered(3, 5))
        await second.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 5))
      })

      test('keeps what is there when nothing was ever committed', async () => {
        const first = await connect()
        await writeTo(first, numbered(0, 3))
        const place = first.place?.()
        await first.close()
        const second = await connect(undefined)
        expect(second.place?.()).toBe(place)
        await writeTo(second, numbered(3, 4))
        await second.close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, 4))
      })

      test('refuses to go on where less is there than was committed', async () => {
        const first = await connect()
        await writeTo(first, numbered(0, 3))
        const place = (first.place?.() ?? 0) + 1
        await first.close()
        await expect(connect(place)).rejects.toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
        expect(fixture.read(0, 1)).toEqual(numbered(0, 3))
      })

      test('holds what was committed and no more after 200 crashes', async () => {
        let seed = 42
        const random = (below: number): number => {
          seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
          return Math.floor((seed / 2_147_483_648) * below)
        }
        let committed = 0
        let place: number | undefined
        for (let crash = 0; crash < 200; crash++) {
          const connection = await connect(place)
          place = connection.place?.()
          expect(fixture.read(0, 1)).toHaveLength(committed)
          let written = committed
          for (let batch = random(4); batch > 0; batch--) {
            const to = written + random(5)
            await writeTo(connection, numbered(written, to))
            written = to
            if (random(2) === 0) {
              committed = written
              place = connection.place?.()
            }
          }
          await connection.close()
          if (typeof fixture.tear === 'function' && random(2) === 0) fixture.tear(0, 1)
        }
        await (await connect(place)).close()
        expect(fixture.read(0, 1)).toEqual(numbered(0, committed))
      })
    }
  })
}
