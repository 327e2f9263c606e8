import { grades, latencyJobs, type Grade, type Job } from 'semel/measure'
import { objects } from './messages.js'
import type { Setting, Suite } from './suite.js'

const exactlyOnceAtProcess = grades.slice(2, 3) as readonly Grade[]

/** Open loop, at fixed rates. */
export const latencies: Suite = {
  name: 'latency',
  async jobs(setting: Setting): Promise<Job[]> {
    const plan = await objects(setting)
    const waiting = (['spin', 'park'] as const).flatMap((how) =>
      latencyJobs(
        { ...plan, waiting: how, label: how },
        100_000,
        [grades[0] as Grade, ...exactlyOnceAtProcess],
        ['pushed'],
      ),
    )
    return [
      ...latencyJobs(plan, 10_000),
      ...latencyJobs(plan, 100_000, grades, ['pushed']),
      ...waiting,
    ]
  },
}
