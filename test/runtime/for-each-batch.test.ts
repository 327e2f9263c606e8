import * as fc from 'fast-check'
import {
  Fatal,
  fixed,
  forEachBatch,
  pipeline,
  RejectedOutputs,
  Unavailable,
  type Delivery,
} from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small, whileBalanced } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 15)

interface Row {
  readonly id: number
  readonly key: string
  readonly fate: 'well' | 'once' | 'never' | 'fatal' | 'named' | 'down'
}

const rows = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      fate: fc.constantFrom<Row['fate'][]>(
        ...(['well', 'well', 'well', 'well', 'once', 'never', 'fatal', 'named', 'down'] as const),
      ),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((all): Row[] => all.map((row, id) => ({ ...row, id })))

test.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)(
  'rows in arrays have each their own outcome, in order per key: %s',
  async (delivery: Delivery) => {
    const property = fc.asyncProperty(
      rows,
      fc.constantFrom(1, 3, 1000),
      fc.boolean(),
      async (messages, size, isAsync) => {
        const written: Row[] = []
        const met = new Set<number>()
        const isFirst = (id: number): boolean => met.size < met.add(id).size
        const store = (outputs: readonly Row[]): void => {
          const named = new Map<number, Error>()
          for (const [at, { id, fate }] of outputs.entries()) {
            if (fate === 'down' && isFirst(id)) throw new Unavailable('down', { retryAfter: 1 })
            if (fate === 'fatal') throw new Fatal('for good')
            if (fate === 'never') throw new Error('never')
            if (fate === 'once' && outputs.length === 1 && isFirst(id)) throw new Error('once')
            if (fate === 'named') named.set(at, new Error('named'))
          }
          if (named.size > 0) throw new RejectedOutputs(named)
          written.push(...outputs)
        }
        const definition = pipeline('rows')
          .accepts<Row>()
          .deliver(
            delivery as 'exactly-once',
            (delivery === 'exactly-once'
              ? { id: ({ id }: Row) => id, window: '1h' }
              : undefined) as { id: (row: Row) => number; window: string },
          )
          .keyBy(({ key }) => key)
          .retry({ attempts: 2, backoff: fixed(1) })
          .to(
            forEachBatch<Row>(
              (outputs) => {
                if (!isAsync) return store(outputs)
                return Promise.resolve().then(() => store(outputs))
              },
              { idempotent: true, size },
            ),
          )
        const isKept = delivery !== 'at-most-once'
        const stream = await opened(definition, {
          ...small,
          ...(isKept ? { dir: scratch() } : {}),
          workers: 0,
          shards: 2,
          durability: isKept ? 'process' : 'memory',
        })
        await whileBalanced(stream, async () => {
          await pushAll(stream, messages)
          await stream.drain({ timeout: 20_000 })
        })
        const lost = messages.filter(({ fate }) => ['never', 'fatal', 'named'].includes(fate))
        const { processed, deadLettered, dropped, parked, inFlight } = stream.counters()
        expect({ parked, inFlight }).toEqual({ parked: 0, inFlight: 0 })
        expect(written).toHaveLength(processed)
        expect(new Set(written.map(({ id }) => id)).size).toBe(processed)
        for (const key of ['a', 'b', 'c', 'd']) {
          const ids = written.filter((row) => row.key === key).map(({ id }) => id)
          expect(ids).toEqual(ids.toSorted((a, b) => a - b))
        }
        if (isKept)
          expect({ deadLettered, dropped }).toEqual({ deadLettered: lost.length, dropped: 0 })
        else expect(dropped).toBeGreaterThanOrEqual(lost.length)
        const attempts = Object.fromEntries(
          [...stream.deadLetters.list()].map((letter) => [
            (letter.message as Row).fate,
            letter.attempts,
          ]),
        )
        expect(attempts['fatal'] ?? 1).toBe(1)
        expect(attempts['never'] ?? 2).toBe(2)
        await stream.close()
      },
    )
    await fc.assert(property, { numRuns })
  },
  60_000,
)
