import { unheeded } from '../../core/thenable.js'
import type { Ending } from '../../reliability/retry.js'

/** What a message's attempt has failed with. */
export interface Failure {
  readonly thrown: unknown
  /** Several messages failed together: which of them is at fault is not known. */
  readonly isShared: boolean
  /** Kept, so that a function of the user's is asked once. */
  ending?: Ending
}

/** Of a promise that was thrown the rejection, if one comes, is what was thrown, and no end of the process. */
export function failureOf(thrown: unknown, isShared = false): Failure {
  unheeded(thrown)
  return { thrown, isShared }
}
