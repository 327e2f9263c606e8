import { grades, throughputJobs, type Grade } from 'semel/measure'
import { raw } from './messages.js'
import type { Suite } from './suite.js'

/** By the number of ids that are known: the index is filled first, and then forgets as many as come. */
export const occupancy: Suite = {
  name: 'ids in the index',
  rounds: 2,
  async jobs(setting) {
    const counts = setting.isSmoke ? [1e4, 1e5] : [1e4, 1e5, 1e6, 1e7]
    const plans = await Promise.all(
      counts.map((ids) =>
        raw({ ...setting, pace: setting.pace / 2 }, 64, { window: '1h', maxIds: String(ids) }),
      ),
    )
    return plans.flatMap((plan, i) => {
      const before = counts[i] as number
      const label = `${before.toLocaleString('en-US')} ids`
      return throughputJobs({ ...plan, before, label }, [grades[2] as Grade], ['pushed'])
    })
  },
}
