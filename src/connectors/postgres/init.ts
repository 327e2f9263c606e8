import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown } from '../../core/options.js'
import { loadDriver } from './driver.js'
import { postgresError } from './errors.js'
import { checkAddress } from './check-options.js'
import type { PostgresAddress } from './options.js'
import { Session } from './session.js'
import { commitsSql, makeCommits } from './tables.js'

export interface InitPostgresOptions {
  /**
   * Where `semel_commits` is to be.
   * @default the first schema of the search path
   */
  schema?: string
  /**
   * Who is to commit: they get what that takes, and no more.
   * @default nobody is granted anything
   */
  role?: string
}

/**
 * The statements by which `semel_commits` is made where it is missing, for whoever runs them otherwise.
 * @throws InvalidArgumentError
 */
export function postgresTables(options?: InitPostgresOptions): string {
  const { schema, role } = checkInit(options)
  return commitsSql(schema, role)
}

/**
 * Makes `semel_commits` where it is missing, as a user who may.
 * @throws InvalidArgumentError; SemelError `SEMEL_SINK` where this user may not
 */
export async function initPostgres(
  address: PostgresAddress,
  options?: InitPostgresOptions,
): Promise<void> {
  const { schema, role } = checkInit(options)
  const checked = { address: checkAddress(address), timeoutMs, isPrepared: false }
  const session = await Session.open(await loadDriver(), 'postgres', 'semel init', checked)
  try {
    await makeCommits(session, schema, role)
  } catch (thrown) {
    throw postgresError('postgres', 'make semel_commits', thrown)
  } finally {
    await session.close()
  }
}

const timeoutMs = 30_000

function checkInit(options: InitPostgresOptions | undefined): InitPostgresOptions {
  const given = checkOptions<InitPostgresOptions>(options, 'postgres', ['schema', 'role'])
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (typeof value === 'string' && value.trim() !== '')) continue
    throw new InvalidArgumentError(`postgres.${name}: ${shown(value)} is not a name; give a text`)
  }
  return given as InitPostgresOptions
}
