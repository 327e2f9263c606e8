import { InvalidArgumentError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import type { Recalled } from './options.js'
import type { Status } from './status.js'

/** How a request stands whose effect was found: it has had it. */
export function recalledStatus({ result }: Recalled): Status {
  return { status: 'ended', outcome: 'processed', ...(result === undefined ? {} : { result }) }
}

/**
 * What became of a request, by whoever knows.
 * @throws InvalidArgumentError for an answer that is none
 */
export async function recalled(
  recall: ((id: string) => Recalled | undefined | Promise<Recalled | undefined>) | undefined,
  id: string,
): Promise<Recalled | undefined> {
  const answer: unknown = await recall?.(id)
  if (answer === undefined) return undefined
  if (typeof answer !== 'object' || answer === null) {
    throw new InvalidArgumentError(
      `recall: ${shown(answer)} was answered; answer { fingerprint, result }, or undefined where there is nothing`,
    )
  }
  return answer
}

/** Whether a request is the one that was recalled, as far as that can be told. */
export function isSame({ fingerprint }: Recalled, other: string | undefined): boolean {
  return fingerprint === undefined || fingerprint === other
}
