import { isStronger } from '../../acknowledge/acknowledged.js'
import { acknowledges, type Acknowledge } from '../../core/acknowledge.js'
import { InvalidArgumentError } from '../../core/errors.js'
import { oneNotMany } from '../../core/many.js'
import { checkOptions, shown } from '../../core/options.js'
import { checkWait, type WaitOptions } from '../../core/wait.js'

export interface SendOptions<M extends Acknowledge> extends WaitOptions {
  /** For this call: as the stream's own, or one that tells more (batched < stored < processed). */
  acknowledge?: M
}

interface Sending {
  readonly mode: Acknowledge
  readonly patience: WaitOptions
}

/** Most sends have no options: nothing is made for them. */
const plain: { readonly [A in Acknowledge]: Sending } = {
  processed: { mode: 'processed', patience: {} },
  stored: { mode: 'stored', patience: {} },
  batched: { mode: 'batched', patience: {} },
}

/**
 * The options of a send, checked.
 * @param where what they were given to; named in the error
 * @param own the stream's mode
 * @throws InvalidArgumentError
 */
export function checkSend(options: unknown, where: string, own: Acknowledge): Sending {
  if (options === undefined) return plain[own]
  const { acknowledge = own, ...wait } = checkOptions<SendOptions<Acknowledge>>(options, where, [
    'signal',
    'timeout',
    'acknowledge',
  ])
  if (!acknowledges.includes(acknowledge as Acknowledge)) {
    throw new InvalidArgumentError(
      `${where}.acknowledge: ${shown(acknowledge)} is unknown; choose 'processed', 'stored' or 'batched'`,
    )
  }
  const mode = acknowledge as Acknowledge
  if (!isStronger(mode, own)) {
    throw new InvalidArgumentError(
      `${where}.acknowledge: '${mode}' tells less than the stream's own '${own}'; leave it out, or open the stream with acknowledge: '${mode}'`,
    )
  }
  return { mode, patience: checkWait(wait, where) }
}

/** @throws InvalidArgumentError for what can't be walked through, or would fall apart in that */
export function checkIterable(messages: unknown, where: string): void {
  const instead = oneNotMany(messages)
  if (instead !== undefined) {
    throw new InvalidArgumentError(`${where}: ${shown(messages)} ${instead}`)
  }
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = (messages ?? {}) as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >
  if (typeof sync === 'function' || typeof async === 'function') return
  throw new InvalidArgumentError(
    `${where}: ${shown(messages)} holds no messages; give an array, an iterable or an async iterable`,
  )
}
