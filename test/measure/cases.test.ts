import { forEach, pipeline } from 'semel'
import { describe, expect, it } from 'vitest'
import {
  grades,
  latencyJobs,
  missingDeliveries,
  throughputJobs,
  withoutOverload,
  type Plan,
} from '../../src/measure/cases.js'
import { requireGraph, type Definition } from '../../src/pipeline/graph.js'

function planFor(definition: unknown): Plan {
  return {
    module: 'file:///handler.js',
    graph: requireGraph(definition as Definition<never>, 'test'),
    sample: 'messages',
    message: 'object',
    ownSink: false,
    seconds: 1,
    runs: 1,
    shards: 2,
    workers: 2,
    waiting: 'balanced',
  }
}

const identified = planFor(
  pipeline('identified')
    .accepts<{ id: number }>()
    .deliver('exactly-once', { id: (message) => message.id, window: '1h' })
    .to(forEach(() => {}, { idempotent: true })),
)
const plain = planFor(
  pipeline('plain')
    .accepts()
    .deliver('at-least-once')
    .to(forEach(() => {})),
)

describe('the cases of a pipeline', () => {
  it('are each delivery and durability in each way, beside at-most-once in the same way', () => {
    const jobs = throughputJobs(identified)
    const names = jobs.map(({ result }) => result.case)
    expect(names).toHaveLength(20)
    expect(new Set(names).size).toBe(20)
    for (const { result, base } of jobs) {
      expect(names).toContain(base)
      expect(base?.split(' ').at(-1)).toBe(result.case.split(' ').at(-1))
    }
    expect(missingDeliveries(identified)).toEqual([])
  })

  it('are only those that it can be given, and the others are missing with a reason', () => {
    expect(throughputJobs(plain).map(({ result }) => result.delivery)).not.toContain('exactly-once')
    expect(missingDeliveries(plain)).toEqual([
      {
        case: 'exactly-once',
        delivery: 'exactly-once',
        missing: expect.stringContaining('exactly-once'),
      },
    ])
  })

  it('have a name for the rate, one shard for latency, and a time limit', () => {
    const [job] = latencyJobs(identified, 20_000, grades, ['processed'])
    expect(job?.result).toMatchObject({
      case: 'object at-most-once memory processed at 20,000/s',
      acknowledge: 'processed',
      rate: 20_000,
    })
    expect(job?.task).toMatchObject({ options: { shards: 1, workers: 1 }, perSecond: 20_000 })
    expect(job?.timeoutMs).toBeGreaterThan(3000)
  })
})

it('a rate that a case can not keep up with is not offered', () => {
  const jobs = latencyJobs(identified, 20_000, grades, ['stored'])
  const measured = throughputJobs(identified, grades, ['stored']).map(({ result }, i) => ({
    ...result,
    messagesPerSecond: { median: 30_000, min: i === 0 ? 19_999 : 25_000, max: 40_000 },
  }))
  const [offered, left] = withoutOverload(jobs, measured)
  expect(offered).toHaveLength(4)
  expect(left).toEqual([
    expect.objectContaining({
      case: 'object at-most-once memory stored at 20,000/s',
      missing: 'it takes 19,999 messages/s at most; offer less with --rate',
    }),
  ])
})
