import { initPostgres, postgresTables } from '../../connectors/postgres/index.js'
import { exitCodes } from '../failures.js'
import { print } from '../stdout.js'
import type { PostgresInitOptions } from './postgres-options.js'

/**
 * `semel postgres init`: makes what the sink needs beside the user's tables.
 * @returns the exit code
 */
export async function init(options: PostgresInitOptions): Promise<number> {
  const { address, schema, role, isPrinted } = options
  const where = { ...(schema !== undefined && { schema }), ...(role !== undefined && { role }) }
  if (isPrinted) {
    await print(postgresTables(where))
    return exitCodes.ok
  }
  await initPostgres(address ?? {}, where)
  const whose = role === undefined ? '' : `, and ${role} may commit`
  await print(`semel_commits is there${whose}\n`)
  return exitCodes.ok
}
