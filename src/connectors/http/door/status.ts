import type { Outcome } from '../../../core/message.js'
import type { Acknowledged, Whereabouts } from './taking.js'

/** How a request ended, as clients are told. */
export interface Ended extends Partial<Whereabouts> {
  readonly outcome: Outcome
  readonly result?: unknown
  readonly results?: readonly unknown[]
  readonly error?: { readonly code: string; readonly message?: string }
}

/** How a request stands. It only goes forward. */
export type Status =
  | { readonly status: 'under-way' }
  | ({ readonly status: 'stored' } & Whereabouts)
  | ({ readonly status: 'ended' } & Ended)

export function storedOf({ shard, sequence, durability }: Acknowledged): Status {
  return { status: 'stored', shard, sequence, durability }
}

/** What a client is told of an end; the text of an error only where that is wanted. */
export function endedOf(end: Acknowledged, outcome: Ended['outcome'], tells: boolean): Status {
  const { shard, sequence, durability, result, results = [], error } = end
  return {
    status: 'ended',
    shard,
    sequence,
    durability,
    outcome,
    ...(result === undefined ? {} : { result }),
    ...(results.length > 1 ? { results } : {}),
    ...(error === undefined
      ? {}
      : { error: { code: error.code, ...(tells ? { message: error.message } : {}) } }),
  }
}

/** As JSON. A result that has no form there is left out, and its error told. */
export function statusText(key: string, status: Status): string {
  try {
    return JSON.stringify({ key, ...status })
  } catch {
    const { result: _, results: __, ...others } = status as Ended & { status: 'ended' }
    return JSON.stringify({ key, ...others, error: { code: 'SEMEL_RESULT' } })
  }
}

/** Whether the message has failed for good: that is no answer to what was asked for. */
export function hasFailed({ outcome }: Pick<Ended, 'outcome'>): boolean {
  return outcome === 'dead-lettered' || outcome === 'dropped'
}
