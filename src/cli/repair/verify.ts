import { verifyDirectory, type VerificationReport } from '../../directory.js'
import { damageLines } from './damage.js'
import { exitCodes } from '../failures.js'
import { print } from '../stdout.js'
import { paintFor, plain, type Paint } from '../terminal.js'
import { plural } from '../text.js'
import type { VerifyOptions } from './verify-options.js'

/**
 * `semel verify`: what is wrong with a directory.
 * @returns the exit code
 */
export async function verify({ dir, json }: VerifyOptions): Promise<number> {
  const found = verifyDirectory(dir)
  await print(
    json
      ? `${JSON.stringify({ dir, ...found })}\n`
      : verificationText(dir, found, paintFor(process.stdout)),
  )
  return found.damaged ? exitCodes.failed : exitCodes.ok
}

/** For an operator: what, where, at what cost, and what to do next. */
export function verificationText(
  dir: string,
  found: VerificationReport,
  paint: Paint = plain,
): string {
  const name = found.name === '' ? dir : `${found.name}, ${dir}`
  const damages = found.findings.filter(
    ({ kind }) => kind === 'damage' || kind === 'missing' || kind === 'foreign',
  ).length
  const verdict = found.damaged
    ? paint('red', `${plural(damages, 'place')} damaged: the stream does not open`)
    : 'no damage'
  const lines = [`${paint('bold', name)}: ${verdict}`]
  if (found.holder > 0) {
    lines.push(
      `process ${found.holder} has it open: what is found may be of the moment; close the stream and verify again`,
    )
  }
  lines.push(...damageLines(found, paint))
  if (found.damaged) lines.push('', ...nextSteps(dir))
  return `${lines.join('\n')}\n`
}

function nextSteps(dir: string): string[] {
  return [
    'Next: stop whatever writes there; copy the directory as it is; restore the damaged files from a',
    'backup of this very moment if there is one (an older one repeats what was done since). Otherwise',
    `see what a repair would do, which costs what is said above: semel repair ${dir} --dry-run`,
  ]
}
