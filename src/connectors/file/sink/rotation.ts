import { existsSync } from 'node:fs'
import { join, parse } from 'node:path'
import { durationMs, type Duration } from '../../../core/durations.js'
import { checkOptions, wholeNumber } from '../../../core/options.js'
import { sizeBytes, type Size } from '../../../core/sizes.js'

export interface RotateOptions {
  /**
   * The size that a file is not to pass: outputs that would lead beyond it go to a new one. A batch of
   * outputs stays together, so one that is larger makes a larger file. At least 1 byte.
   * @default no limit
   */
  size?: Size
  /**
   * How long a file is written to: outputs that come later go to a new one, so a quiet stream's file
   * stays as it is until there are some. At least 1 ms.
   * @default no limit
   */
  every?: Duration
  /**
   * How many full files are kept, from 1 to 1000; the oldest ones that the sink made are deleted.
   * @default all
   */
  keep?: number
}

/** When a file is full, and how many full ones are kept. */
export interface Rotation {
  readonly sizeMax: number
  readonly ageMsMax: number
  readonly keep: number
}

const noRotation: Rotation = { sizeMax: Infinity, ageMsMax: Infinity, keep: Infinity }

/** @throws InvalidArgumentError naming the option, the value and the remedy */
export function checkRotation(options: unknown): Rotation {
  if (options === undefined) return noRotation
  const given = checkOptions<RotateOptions>(options, 'file.rotate', ['size', 'every', 'keep'])
  const { size, every, keep } = given
  const most = Number.MAX_SAFE_INTEGER
  return {
    sizeMax:
      size === undefined
        ? Infinity
        : wholeNumber(sizeBytes(size as Size, 'file.rotate.size'), 'file.rotate.size', 1, most),
    ageMsMax:
      every === undefined
        ? Infinity
        : wholeNumber(
            Math.ceil(durationMs(every as Duration, 'file.rotate.every')),
            'file.rotate.every',
            1,
            most,
          ),
    keep: keep === undefined ? Infinity : wholeNumber(keep, 'file.rotate.keep', 1, 1000),
  }
}

/**
 * The name that a full file gets: a number before the extension, in the order of names too, the next one
 * behind `last` that nobody has: `/…/bars.000001.ndjson`.
 */
export function fullFilePath(path: string, last: number): { path: string; number: number } {
  const { dir, name, ext } = parse(path)
  for (let number = last + 1; ; number++) {
    const numbered = join(dir, `${name}.${String(number).padStart(6, '0')}${ext}`)
    if (!existsSync(numbered)) return { path: numbered, number }
  }
}
