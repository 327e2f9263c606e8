import { addon } from '../../native/addon.js'
import type { RepairReport, VerificationReport } from '../../native/damage.js'

export interface RepairOptions {
  /** Tells what would be done, and changes nothing. @default false */
  readonly dryRun?: boolean
}

/**
 * Reads all of a stream's directory, tells all that is wrong with it and what that costs, and changes
 * nothing.
 * @throws SemelError `SEMEL_FORMAT` where it holds no stream
 * @example const { damaged, findings } = verifyDirectory('./data')
 */
export function verifyDirectory(dir: string): VerificationReport {
  return addon().verify(dir)
}

/**
 * Cuts damage out of the directory of a closed stream, so that it opens again. Lost messages become
 * dead letters that say so. Every file that changes is kept in `before-repair-<n>` as it was.
 * @throws SemelError `SEMEL_LOCKED` where a process has the stream open, `SEMEL_FORMAT` where there is
 * none
 * @example const report = repairDirectory('./data', { dryRun: true })
 */
export function repairDirectory(dir: string, options: RepairOptions = {}): RepairReport {
  return addon().repair(dir, options.dryRun === true)
}
