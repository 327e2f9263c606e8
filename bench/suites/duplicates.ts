import { grades, throughputJobs, tradesSample, type Grade } from 'semel/measure'
import { objects } from './messages.js'
import type { Suite } from './suite.js'

/** By the share of messages that are copies of an earlier one, in percent. */
export const duplicates: Suite = {
  name: 'duplicates',
  rounds: 2,
  async jobs(setting) {
    const plan = await objects({ ...setting, pace: setting.pace / 2 })
    return [0, 1, 10, 50].flatMap((percent) =>
      throughputJobs(
        {
          ...plan,
          sample: setting.sample(`${percent} % copies`, () => withCopies(percent)),
          label: `${percent} % copies`,
        },
        [grades[2] as Grade],
        ['pushed'],
      ),
    )
  },
}

function withCopies(percent: number): object[] {
  const trades = tradesSample(1000)
  const every = percent === 0 ? Infinity : 100 / percent
  return trades.map((trade, i) =>
    i > 0 && i % every === 0 ? { ...trade, id: trades[i - 1]?.id } : trade,
  )
}
