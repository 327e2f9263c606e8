import { Random } from '../random.js'

/** A call that a fault may strike. */
export interface TransactionalCall {
  readonly name: 'connect' | 'begin' | 'commit' | 'last' | 'write'
  readonly pipeline: string
  readonly shard: number
  /** Its number among the calls for this shard, from 0. */
  readonly number: number
  /** How many it brings; 0 where it is no commit and no write. */
  readonly outputs: number
}

/**
 * What goes wrong with a call:
 * - `before`: the connection is lost, and nothing was done
 * - `after`: it is done, and the connection is lost with the answer
 * - `on-its-way`: the connection is lost; a commit takes effect when the next `begin` comes, ahead of
 *   it, a `begin` or a write as under `late`
 * - `late`: the connection is lost; a commit arrives when the next `begin` has raised the epoch, and
 *   before it looks; a `begin` or a write ahead of the shard's next commit
 * - `refuse`: a commit is refused although nobody has begun or committed; nothing was done
 * - `hang`: it is done, and there is no answer for as long as the connection is open
 * - `reject`: these outputs of a commit or write, by index, are refused once
 * - `slowMs`: the answer takes so long; what follows on the connection waits behind it
 * - `drop`: what was committed is forgotten before the call is looked at, epochs too or not
 */
export type TransactionalFault =
  | 'before'
  | 'after'
  | 'on-its-way'
  | 'late'
  | 'refuse'
  | 'hang'
  | { readonly reject: readonly number[] }
  | { readonly slowMs: number }
  | { readonly drop: 'commits' | 'commits and epochs' }
  | undefined

/** How often each fault strikes a call that it can strike, 0 to 1. */
export interface FaultShares {
  /** @default 0.02 */
  readonly before?: number
  /** @default 0.02 */
  readonly after?: number
  /** @default 0.02 */
  readonly onItsWay?: number
  /** @default 0.02 */
  readonly late?: number
  /** @default 0.01 */
  readonly refuse?: number
  /** One output of the call. @default 0.03 */
  readonly reject?: number
  /** By 1 to 20 ms. @default 0.05 */
  readonly slow?: number
  /** A stream does not survive it, and should not. @default 0 */
  readonly dropCommits?: number
  /** The same. @default 0 */
  readonly dropAll?: number
}

const usual: Required<FaultShares> = {
  before: 0.02,
  after: 0.02,
  onItsWay: 0.02,
  late: 0.02,
  refuse: 0.01,
  reject: 0.03,
  slow: 0.05,
  dropCommits: 0,
  dropAll: 0,
}

/** Faults drawn from a seed: each shard's depend on its own calls alone, not on what others do meanwhile. */
export function drawnFaults(
  seed: string,
  shares: FaultShares = {},
): (call: TransactionalCall) => TransactionalFault {
  const share = { ...usual, ...shares }
  const randoms = new Map<string, Random>()
  return ({ name, pipeline, shard, outputs }) => {
    const key = JSON.stringify([seed, pipeline, shard])
    const random = randoms.get(key) ?? new Random(key)
    randoms.set(key, random)
    let left = random.next()
    const strikes = (one: number): boolean => (left -= one) < 0
    if (strikes(share.before)) return 'before'
    if (strikes(share.after)) return 'after'
    if (strikes(share.slow)) return { slowMs: 1 + random.below(20) }
    if (name === 'begin' || name === 'commit') {
      if (strikes(share.late)) return 'late'
      if (strikes(share.onItsWay)) return 'on-its-way'
    }
    if (outputs > 0 && strikes(share.reject)) return { reject: [random.below(outputs)] }
    if (name === 'commit') {
      if (strikes(share.refuse)) return 'refuse'
      if (strikes(share.dropCommits)) return { drop: 'commits' }
      if (strikes(share.dropAll)) return { drop: 'commits and epochs' }
    }
    return undefined
  }
}
