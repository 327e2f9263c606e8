/**
 * What becomes of a message for which there is no room, under at-most-once.
 * - `wait`: it waits; `push` answers false
 * - `drop-newest`: it is dropped
 * - `drop-oldest`: those that have waited longest are dropped
 * - `conflate`: it takes the place of the one of its key that waits: of each key the newest is kept
 */
export type Overflow = 'wait' | 'drop-newest' | 'drop-oldest' | 'conflate'

export const overflows: readonly Overflow[] = ['wait', 'drop-newest', 'drop-oldest', 'conflate']
