import { grades, throughputJobs } from 'semel/measure'
import { raw } from './messages.js'
import type { Suite } from './suite.js'

/** By the message's size, in bytes. */
export const sizes: Suite = {
  name: 'message sizes',
  rounds: 2,
  async jobs(setting) {
    const plans = await Promise.all(
      [16, 64, 256, 1024, 16_384].map((bytes) =>
        raw({ ...setting, pace: setting.pace / 2 }, bytes),
      ),
    )
    return plans.flatMap((plan) =>
      throughputJobs(plan, [grades[0], grades[2]] as typeof grades, ['pushed']),
    )
  },
}
