// Loops, openings and closes as they may come, against a list and a place in it. Of one shard, so that
// there is one order.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { numbered, setting, type ReadStream } from './read.js'
import { expectBalanced, until } from './verbs.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 30)

type Step =
  | { readonly step: 'push'; readonly count: number }
  /** Of those that are there: a part. `how` is how the loop ends behind them. */
  | { readonly step: 'read'; readonly part: number; readonly how: 'break' | 'throw' | 'abort' }
  | { readonly step: 'reopen' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ step: fc.constant('push' as const), count: fc.integer({ min: 1, max: 60 }) }),
    {
      weight: 2,
      arbitrary: fc.record({
        step: fc.constant('read' as const),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        how: fc.constantFrom('break' as const, 'throw' as const, 'abort' as const),
      }),
    },
    fc.record({ step: fc.constant('reopen' as const) }),
  ),
  { minLength: 1, maxLength: 12 },
)

const drawn = fc.record({
  delivery: fc.constantFrom('at-least-once' as const, 'at-most-once' as const),
  waiting: fc.constantFrom(1, 3, 256),
  each: fc.integer({ min: 1, max: 3 }),
  steps,
})

/** Reads so many outputs and ends the loop as it is told; with `wait` it waits for one more by then. */
async function read(stream: ReadStream, count: number, how: string): Promise<string[]> {
  const abort = new AbortController()
  const given: string[] = []
  try {
    for await (const { n, part } of stream.outputs({ signal: abort.signal })) {
      given.push(`${n}.${part}`)
      if (given.length < count) continue
      if (how === 'break') break
      if (how === 'throw') throw new Error('as told')
      const end = (): void => abort.abort(new Error('as told'))
      if (how === 'abort') end()
      else setTimeout(end, 5)
    }
  } catch (error) {
    expect((error as Error).message).toBe('as told')
  }
  return given
}

test.each([
  ['inline', 0, runs],
  ['with a worker', 1, Math.ceil(runs / 5)],
])(
  'whatever loops and openings there are, each output comes in its turn, %s',
  async (_, workers, numRuns) => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ delivery, waiting, each, steps: all }) => {
        const isKept = delivery === 'at-least-once'
        const { open } = setting(workers, { delivery, waiting, each })
        let stream = await open()
        const put: string[] = []
        let pushed = 0
        /** The first that was not done with. */
        let at = 0
        for (const one of all) {
          switch (one.step) {
            case 'push': {
              for (const message of numbered(pushed, pushed + one.count)) {
                if (!stream.push(message)) break
                for (let part = 0; part < each; part++) put.push(`${message.n}.${part}`)
                pushed += 1
              }
              break
            }
            case 'read': {
              const count = Math.ceil(one.part * (put.length - at))
              if (count === 0) break
              expect(await read(stream, count, one.how)).toEqual(put.slice(at, at + count))
              at += count - (isKept ? 1 : 0)
              break
            }
            case 'reopen': {
              await stream.close()
              expectBalanced(stream.counters())
              stream = await open()
              // A message is done with when all of its outputs are; at most once none outlives a close.
              at = isKept ? Math.floor(at / each) * each : put.length
              break
            }
            default:
              one satisfies never
          }
        }
        const { length } = put.slice(at)
        if (length > 0) expect(await read(stream, length, 'wait')).toEqual(put.slice(at))
        await until(() => stream.counters().inFlight === 0, 'the last commit')
        await stream.close()
      }),
      { numRuns },
    )
  },
  120_000,
)
