import { inspectDirectory } from '../../directory.js'
import { exitCodes } from '../failures.js'
import type { InspectOptions } from './inspect-options.js'
import { inspectionJson, inspectionText } from './inspection.js'
import { print } from '../stdout.js'
import { paintFor } from '../terminal.js'

/**
 * `semel inspect`: what a directory holds.
 * @returns the exit code
 */
export async function inspect({ dir, json }: InspectOptions): Promise<number> {
  const report = inspectDirectory(dir)
  const { columns } = process.stdout
  await print(
    json
      ? inspectionJson(dir, report)
      : inspectionText(dir, report, columns, paintFor(process.stdout)),
  )
  return exitCodes.ok
}
