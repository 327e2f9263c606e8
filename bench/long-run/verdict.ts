import type { State } from './state.js'

/** Memory that grew by less counts as flat. */
export const growthMax = 0.05

/** By then ids expire as fast as they come: the window, and what its slices are rounded up to. */
const steadyMs = 3000

export interface Verdict {
  readonly kind: 'flat' | 'grew' | 'too short'
  /** The greatest resident memory in the second eighth of the messages, in bytes. */
  readonly early: number
  /** … and in their last half. */
  readonly late: number
}

/** Whether memory is what it was once everything had been used that a run uses. */
export function verdictOf(states: readonly State[]): Verdict {
  const all = states.at(-1)?.messages ?? 0
  const second = states.filter(({ messages }) => messages > all / 8 && messages <= all / 4)
  const early = greatest(second)
  const late = greatest(states.filter(({ messages }) => messages > all / 2))
  const [first] = second
  if (first === undefined || first.elapsedMs < steadyMs) return { kind: 'too short', early, late }
  return { kind: late <= early * (1 + growthMax) ? 'flat' : 'grew', early, late }
}

function greatest(states: readonly State[]): number {
  return states.reduce((most, { resident }) => Math.max(most, resident), 0)
}
