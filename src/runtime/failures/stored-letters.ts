import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../core/options.js'
import { addon } from '../../native/addon.js'
import { inspectDirectory } from '../directory/inspect.js'
import { LetterReader, type DeadLetter } from './letter-reader.js'

const pageSize = 256

export interface StoredLettersOptions {
  /** Only those behind this one, by shard and number. */
  after?: Pick<DeadLetter, 'shard' | 'number'>
}

/**
 * The open dead letters in a stream's directory, by shard and number, whether or not a process has it
 * open; nothing is changed. Beside an open stream they are those of a moment ago.
 * @throws SemelError `SEMEL_FORMAT` where it holds no stream, `SEMEL_DAMAGED` where it is damaged
 * @example for (const { number, history } of readDeadLetters('./data')) console.log(number, history)
 */
export function* readDeadLetters(
  dir: string,
  options?: StoredLettersOptions,
): IterableIterator<DeadLetter> {
  const after = checkAfter(
    checkOptions<StoredLettersOptions>(options, 'readDeadLetters', ['after']),
  )
  const { accepts, shards } = inspectDirectory(dir)
  const reader = new LetterReader(accepts, () => {
    const bytes = addon().readFile(dir, 'structures')
    return bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as string[][])
  })
  for (let shard = after.shard; shard < shards.length; shard++) {
    let last = shard === after.shard ? after.number : 0
    for (;;) {
      const page = addon().readDeadLetters(dir, shard, last, pageSize)
      if (page.length === 0) break
      for (const letter of page) yield reader.read(letter, shard)
      last = page.at(-1)?.number ?? last
    }
  }
}

function checkAfter({ after }: { readonly after?: unknown }): { shard: number; number: number } {
  if (after === undefined) return { shard: 0, number: 0 }
  if (typeof after !== 'object' || after === null) {
    throw new InvalidArgumentError(
      `readDeadLetters.after: ${shown(after)} is no place; give { shard, number }`,
    )
  }
  const { shard, number } = after as Record<'shard' | 'number', unknown>
  return {
    shard: wholeNumber(shard, 'readDeadLetters.after.shard', 0, Number.MAX_SAFE_INTEGER),
    number: wholeNumber(number, 'readDeadLetters.after.number', 0, Number.MAX_SAFE_INTEGER),
  }
}
