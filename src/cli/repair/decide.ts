import { createInterface } from 'node:readline/promises'
import type { RepairReport } from '../../directory.js'
import { exitCodes, UsageError } from '../failures.js'
import { print } from '../stdout.js'
import type { RepairCommandOptions } from './repair-options.js'

type Steps = Pick<RepairReport, 'refusals' | 'steps'>

/** The exit code where a plan is not to be carried out; else undefined. */
export async function decideOn(
  { refusals, steps }: Steps,
  { yes, dryRun }: Pick<RepairCommandOptions, 'yes' | 'dryRun'>,
): Promise<number | undefined> {
  if (refusals.length > 0) return exitCodes.failed
  if (steps.length === 0) return exitCodes.ok
  if (dryRun) return exitCodes.failed
  if (yes) return undefined
  if (!process.stdin.isTTY) {
    throw new UsageError('semel repair: there is no terminal to ask on; give --yes or --dry-run')
  }
  if (await agreed()) return undefined
  await print('nothing was changed\n')
  return exitCodes.failed
}

export function exitCodeAfter({ refusals, steps }: Steps, dryRun: boolean): number {
  const stays = refusals.length > 0 || (dryRun && steps.length > 0)
  return stays ? exitCodes.failed : exitCodes.ok
}

async function agreed(): Promise<boolean> {
  const asker = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asker.question('Do this? Type yes to go on: ')
  asker.close()
  return answer.trim() === 'yes'
}
