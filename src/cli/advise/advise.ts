import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { toError } from '../../core/errors.js'
import { SemelError } from '../../index.js'
import { advise as adviceFor, figuresOf, type Figures } from '../../advise.js'
import type { AdviseOptions } from './advise-options.js'
import { adviceText } from './advice.js'
import { exitCodes, oneLine } from '../failures.js'
import { print } from '../stdout.js'
import { paintFor } from '../terminal.js'

/**
 * `semel advise`: what to choose, and why.
 * @returns the exit code
 */
export async function advise({ needs, figures, json }: AdviseOptions): Promise<number> {
  const advice = adviceFor(needs, figures === undefined ? undefined : readFigures(figures))
  const cpu = cpus()[0]?.model
  await print(
    json ? `${JSON.stringify(advice)}\n` : adviceText(advice, cpu, paintFor(process.stdout)),
  )
  return advice.conflicts.length === 0 ? exitCodes.ok : exitCodes.failed
}

/** @throws SemelError `SEMEL_FIGURES` */
function readFigures(path: string): Figures {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SemelError(
      'SEMEL_FIGURES',
      `can't read the figures ${path}: ${oneLine(toError(cause).message)}; check the path`,
      { cause },
    )
  }
  return figuresOf(text, path)
}
