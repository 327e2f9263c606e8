import { nowMs } from '../../core/waiting/timers.js'
import { durationText } from '../../core/durations.js'
import type { ShardCounters } from './counters.js'
import type { RunnerEvent } from '../workers/runner.js'

interface Trouble {
  readonly what: string
  readonly sinceMs: number
  /** How far its shard was then: a shard that has gone on is over it. */
  readonly through: number
}

/** What holds shards up, as their events tell it: for who waits and asks why. */
export class Troubles {
  readonly #shards = new Map<number, Trouble>()

  /** @param through how far the event's shard has come */
  note(event: RunnerEvent, through: (shard: number) => number): void {
    const what = troubleOf(event)
    if (what === undefined || !('shard' in event)) return
    const { shard } = event
    const at = through(shard)
    const before = this.#shards.get(shard)
    const sinceMs = before?.through === at ? before.sinceMs : nowMs()
    this.#shards.set(shard, { what, sinceMs, through: at })
  }

  of(shard: number, through: number): string | undefined {
    const trouble = this.#shards.get(shard)
    if (trouble?.through !== through) return undefined
    const forMs = Math.round((nowMs() - trouble.sinceMs) / 1000) * 1000
    return forMs === 0 ? trouble.what : `${trouble.what} for ${durationText(forMs)}`
  }
}

const unreadText = 'its outputs wait for a loop over stream.outputs()'

const stalledText = {
  parked: 'its room for parked messages is used up',
  ids: 'its room for ids is used up',
  outputs: unreadText,
} as const

function troubleOf(event: RunnerEvent): string | undefined {
  switch (event.kind) {
    case 'sink-failed':
      return `its sink fails (attempt ${event.attempt}: ${event.error})`
    case 'unavailable':
      return `what its handlers need is unavailable (attempt ${event.attempt}: ${event.error})`
    case 'stalled':
      return stalledText[event.reason]
    case 'dead-letter':
    case 'sink-refused':
    case 'worker-replaced':
      return undefined
    default:
      return event satisfies never
  }
}

export interface Standing {
  readonly shards: readonly ShardCounters[]
  /** The number that senders know the first one by. */
  readonly firstShard: number
  readonly waitingForRoom: number
  readonly troubles: Troubles
  /** Whether a shard's outputs wait, and there is no loop over them. */
  readonly isUnread: (shard: number) => boolean
}

/** What a stream has not brought to its end, and what is known of the reason. */
export function standingText(standing: Standing): string {
  const { shards, firstShard, waitingForRoom, troubles, isUnread } = standing
  const texts: string[] = []
  const held: string[] = []
  let undurable = 0
  for (const { shard, inFlight, parked, stored, durable, through } of shards) {
    undurable += Math.max(0, stored - durable)
    if (inFlight === 0 && parked === 0) continue
    const counts = [
      ...(inFlight === 0 ? [] : [`${inFlight} still in flight`]),
      ...(parked === 0 ? [] : [`${parked} parked`]),
    ]
    const trouble =
      troubles.of(shard - firstShard, through) ?? (isUnread(shard) ? unreadText : undefined)
    held.push(
      `${counts.join(' and ')} in shard ${shard}${trouble === undefined ? '' : `, and ${trouble}`}`,
    )
  }
  if (held.length > shownMax)
    held.splice(shownMax, Infinity, `${held.length - shownMax} more shards`)
  texts.push(...held)
  if (waitingForRoom > 0) texts.push(`${waitingForRoom} waiting for room`)
  if (texts.length === 0) {
    return undurable > 0
      ? `${undurable} not synced yet`
      : 'all is done, and the last commits are not synced yet'
  }
  return texts.join('; ')
}

/** Shards that a text names one by one. */
const shownMax = 4
