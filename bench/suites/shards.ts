import { grades, throughputJobs, type Grade } from 'semel/measure'
import { objects } from './messages.js'
import type { Suite } from './suite.js'

const layouts = [
  { shards: 1, workers: 0 },
  { shards: 1, workers: 1 },
  { shards: 2, workers: 1 },
  { shards: 2, workers: 2 },
  { shards: 4, workers: 2 },
] as const

/** By shards and workers; 0 workers is the sender's own thread. */
export const shards: Suite = {
  name: 'shards and workers',
  rounds: 2,
  async jobs(setting) {
    const plan = await objects({ ...setting, pace: setting.pace / 2 })
    return layouts.flatMap((layout) =>
      throughputJobs(
        { ...plan, ...layout, label: `shards ${layout.shards}, workers ${layout.workers}` },
        [grades[2] as Grade],
        ['pushed'],
      ),
    )
  },
}
