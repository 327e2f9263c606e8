// A connection that writes some of its outputs: what has ended with these is committed.
import * as fc from 'fast-check'
import { fixed, pipeline, RejectedOutputs, type Sink } from 'semel'
import { expect, test } from 'vitest'
import { Finished } from '../../src/runtime/operators/finished.js'
import { expectBalanced, next, opened, pushAll, scratch, small, whileBalanced } from './verbs.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 25)

interface Job {
  readonly n: number
  readonly key: number
}

const settings = () => ({ ...small, dir: scratch(), workers: 0, durability: 'process' }) as const

function writingSome<T>(writeSome: (outputs: readonly T[]) => Promise<number>): Sink<T> {
  const connect = () => ({
    write: () => {
      throw new Error('it is not asked for')
    },
    writeSome,
    close: () => {},
  })
  return Object.freeze({ name: 'some', kind: 'repeatable' as const, connect })
}

test.each([0, -1, 0.5, 4, NaN, '1', undefined])(
  'a count of %o is a failure of the sink, which is tried again',
  async (answer) => {
    const written: Job[] = []
    let failures = 2
    const some = writingSome<Job>(async (outputs) => {
      if (failures-- > 0) return answer as number
      written.push(...outputs)
      return outputs.length
    })
    const definition = pipeline('some').accepts<Job>().deliver('at-least-once').to(some)
    const stream = await opened(definition, settings())
    const failed = next<{ error: string }>(stream, 'sink-failed')
    const jobs = [0, 1, 2].map((n) => ({ n, key: 0 }))
    await pushAll(stream, jobs)
    await stream.drain({ timeout: 20_000 })
    expect((await failed).error).toMatch(/^writeSome answered .* of 3 outputs/)
    expect(written).toEqual(jobs)
  },
)

const drawn = fc.record({
  count: fc.integer({ min: 1, max: 150 }),
  keys: fc.integer({ min: 1, max: 5 }),
  /** Outputs of a message: as many as its number says, up to this. */
  most: fc.integer({ min: 1, max: 3 }),
  batched: fc.boolean(),
  isAsync: fc.boolean(),
  /** Of a handler's first attempts, and of outputs, each so-manieth fails. */
  failing: fc.integer({ min: 2, max: 20 }),
  rejecting: fc.integer({ min: 2, max: 20 }),
  seed: fc.integer(),
})

test('whatever it writes, rejects and fails at, each output is written, in the order of its key', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, async ({ count, keys, most, batched, isAsync, ...draw }) => {
      let state = draw.seed
      const random = (below: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
        return state % below
      }
      const written: Job[] = []
      const refused = new Set<number>()
      // Where a message has several outputs, those in front of a refused one would come twice.
      const rejects = most === 1 && !batched
      const some = writingSome<Job>(async (outputs) => {
        await new Promise(setImmediate)
        if (random(6) === 0) throw new Error('down')
        const least = 1 + random(outputs.length)
        for (const [index, output] of outputs.slice(0, least).entries()) {
          const isRefused = rejects && output.n % draw.rejecting === 1 && !refused.has(output.n)
          if (!isRefused) {
            written.push(output)
            continue
          }
          refused.add(output.n)
          throw new RejectedOutputs(new Map([[index, new Error('refused')]]), index)
        }
        return least
      })
      const outputsOf = ({ n }: Job): number => n % (most + 1)
      const copies = (job: Job): Job[] => Array.from({ length: outputsOf(job) }, () => job)
      const failed = new Set<number>()
      const handle = (job: Job): Job[] | Promise<Job[]> => {
        if (job.n % draw.failing === 0 && !failed.has(job.n)) {
          failed.add(job.n)
          throw new Error('the first time')
        }
        if (!isAsync) return copies(job)
        return new Promise((resolve) => {
          setTimeout(() => resolve(copies(job)), random(3))
        })
      }
      const started = pipeline('some')
        .accepts<Job>()
        .deliver('at-least-once')
        .keyBy(({ key }) => key)
        .retry({ attempts: 5, backoff: fixed('1ms') })
        .flatMap(handle)
      const definition = batched
        ? started
            .batch(3, { within: '5ms' })
            .flatMap((jobs) => jobs)
            .to(some)
        : started.to(some)
      const stream = await opened(definition, settings())
      const jobs = Array.from({ length: count }, (_, n) => ({ n, key: n % keys }))
      await whileBalanced(stream, async () => {
        await pushAll(stream, jobs)
        await stream.drain({ timeout: 20_000 })
      })
      expectBalanced(stream.counters())
      expect(stream.counters()).toMatchObject({ inFlight: 0, parked: 0, deadLettered: 0 })
      const expected = jobs.flatMap(copies)
      const byNumber = (all: readonly Job[]) => all.map(({ n }) => n).toSorted((a, b) => a - b)
      expect(byNumber(written)).toEqual(byNumber(expected))
      for (let key = 0; key < keys; key++) {
        const own = written.filter((one) => one.key === key).map(({ n }) => n)
        expect(own).toEqual(own.toSorted((a, b) => a - b))
      }
      await stream.close()
    }),
    { numRuns: runs },
  )
}, 120_000)

test('a batch is cut behind the last message whose outputs are all written', () => {
  const finished = new Finished()
  const put = (owner: number | readonly number[], ...outputs: string[]): void => {
    finished.outputs.push(...outputs)
    finished.own(owner)
  }
  // 11 and 12 are in flight, 13 has no output, 14 and 15 share one; 4 was parked.
  put(11, 'a')
  put(4, 'b')
  put(12, 'c', 'd')
  put([14, 15], 'e')
  finished.count = 5
  for (const sequence of [4, 13]) finished.details.set(sequence, { sequence } as never)
  finished.answers.set(12, { results: [] })
  const first = finished.splitAt(1, 10)
  expect([first.count, [...first.details.keys()]]).toEqual([1, []])
  const second = finished.splitAt(2, 11)
  expect([second.count, [...second.details.keys()], second.answers.size]).toEqual([0, [4], 0])
  expect(finished.outputs).toEqual(['d', 'e'])
  const third = finished.splitAt(1, 11)
  expect([third.count, [...third.details.keys()], third.answers.size]).toEqual([2, [13], 1])
  expect([finished.count, finished.outputs, finished.details.size]).toEqual([2, ['e'], 0])
  const last = finished.splitAt(1, 13)
  expect([last.count, finished.isEmpty]).toEqual([2, true])
})
