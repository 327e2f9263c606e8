import { planCase, type Plan } from '../plan.js'
import { allDatabasePoints, allPoints } from '../points.js'
import { Random } from '../random.js'
import { isTransactional } from '../setting.js'

const points = allPoints()
const database = allDatabasePoints()

/** Those that its cases may end at. */
export const postgresPoints = [...points, ...database]

/** The case of this number over PostgreSQL; undefined where it is not over a database. */
export function planPostgresCase(seed: string, id: number): Plan | undefined {
  const plan = planCase(seed, id, points, [], database)
  const { setting } = plan
  // The other member of a group looks up what is committed while it takes over: a file can be asked so.
  if (!isTransactional(setting) || setting.groupRows > 0) return undefined
  const random = new Random(`${seed} case ${id} postgres`)
  return {
    ...plan,
    setting: { ...setting, postgres: random.oneOf(['table', 'table', 'function']) },
  }
}
