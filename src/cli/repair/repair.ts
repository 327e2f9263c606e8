import { repairDirectory, type RepairReport } from '../../directory.js'
import { damageLines } from './damage.js'
import { decideOn, exitCodeAfter } from './decide.js'
import type { RepairCommandOptions } from './repair-options.js'
import { print } from '../stdout.js'
import { paintFor, plain, type Paint } from '../terminal.js'

/**
 * `semel repair`: says what it would do, asks, and does it.
 * @returns the exit code
 */
export async function repair(options: RepairCommandOptions): Promise<number> {
  const { dir, json, yes, dryRun, trustSink } = options
  if (trustSink !== undefined) return (await import('./trust.js')).trust(options, trustSink)
  if (json) {
    const report = repairDirectory(dir, { dryRun })
    await print(`${JSON.stringify({ dir, ...report })}\n`)
    return exitCodeAfter(report, dryRun)
  }
  const plan = repairDirectory(dir, { dryRun: true })
  await print(planText(dir, plan, paintFor(process.stdout)))
  const decided = await decideOn(plan, { yes, dryRun })
  if (decided !== undefined) return decided
  const report = repairDirectory(dir)
  await print(doneText(dir, report))
  return exitCodeAfter(report, false)
}

/** What is damaged, what it costs, and what would be done or why not. */
export function planText(dir: string, plan: RepairReport, paint: Paint = plain): string {
  const { found, steps, refusals } = plan
  const name = found.name === '' ? dir : `${found.name}, ${dir}`
  if (steps.length === 0 && refusals.length === 0) {
    return `${paint('bold', name)}: no damage, nothing to repair\n`
  }
  const lines = [`${paint('bold', name)}`, ...damageLines(found, paint), '']
  if (refusals.length > 0) {
    lines.push('It can not be repaired, and nothing was changed:')
    lines.push(...refusals.map((refusal) => `  ${refusal}`))
  } else {
    lines.push('To be done, once every file that changes has been copied:')
    lines.push(...steps.map((step) => `  ${step}`))
  }
  return `${lines.join('\n')}\n`
}

/** What was done, where the originals are, and what to do next. */
export function doneText(dir: string, { originals }: RepairReport): string {
  const kept =
    originals === ''
      ? 'no file that was there was changed'
      : `the files as they were are in ${dir}/${originals}`
  return [
    '',
    `Repaired; ${kept}.`,
    `Next: check it with semel verify ${dir}, then open the stream. Lost messages are among its dead`,
    'letters, as rows that repair put there; send them again from where they came, if that still has them.',
    '',
  ].join('\n')
}
