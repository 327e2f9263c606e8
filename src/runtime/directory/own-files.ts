import { realpathSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { InvalidArgumentError } from '../../core/errors.js'

/** What a stream calls the entries of its directory (native/shard/FORMAT.md). */
const ownNames =
  /^(?:stream|lock|sources|offsets|structures|repair|requests|shards|shard-\d+|sink-\d+(?:\.span)?|before-repair-\d+)$/

/** @throws InvalidArgumentError where a sink would write to what the stream itself keeps */
export function refuseOwnFile(path: string, directory: string): void {
  if (directory === '') return
  const [first = ''] = relative(realpathSync(directory), path).split(sep)
  if (!ownNames.test(first)) return
  throw new InvalidArgumentError(
    `${path} is a file of the stream's own directory; give the sink another one`,
  )
}
