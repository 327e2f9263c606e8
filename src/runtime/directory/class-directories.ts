import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { deliveries, type Delivery } from '../../core/delivery.js'
import { SemelError } from '../../core/errors.js'

/** Where messages choose their delivery, each class has a directory in the stream's. */
export function classDirectory(dir: string, delivery: Delivery): string {
  // What is no path is refused with the other options.
  return typeof dir === 'string' && dir !== '' ? join(dir, delivery) : dir
}

/** The directories in `dir` that hold a class each; none where `dir` is a stream's own. */
export function classDirectoriesIn(dir: string): string[] {
  return classesIn(dir).map((delivery) => classDirectory(dir, delivery))
}

/**
 * Checks that no message lies where this opening would never look.
 * @param classes undefined where the pipeline has one delivery
 * @throws SemelError `SEMEL_FORMAT`
 */
export function checkClassesIn(dir: string, classes: readonly Delivery[] | undefined): void {
  if (dir === '') return
  if (classes !== undefined && existsSync(join(dir, 'stream'))) {
    throw new SemelError(
      'SEMEL_FORMAT',
      `${dir}: it was made by a pipeline with one delivery, and this one chooses by a function of the message; open it as before until it is drained, and give another directory`,
    )
  }
  // What is sent at most once is kept nowhere.
  const left = classesIn(dir).filter((delivery) => delivery !== 'at-most-once')
  const missing = left.find((delivery) => classes?.includes(delivery) !== true)
  if (missing === undefined) return
  throw new SemelError(
    'SEMEL_FORMAT',
    `${dir}: it holds the messages of a class ${missing}, which the pipeline does not have: they would never be processed; keep the class until they are, or give another directory`,
  )
}

function classesIn(dir: string): Delivery[] {
  return deliveries.filter((delivery) => existsSync(join(dir, delivery, 'stream'))).toReversed()
}
