import type { CaseResult } from './case.js'
import type { Point } from './points.js'

/** What a campaign has been through; too little of anything proves nothing. */
export interface Traffic {
  readonly kills: number
  readonly acknowledged: number
  readonly repeated: number
  readonly redelivered: number
  readonly parked: number
  readonly deadLettered: number
  readonly rotations: number
  readonly refused: number
  readonly hits: ReadonlyMap<string, number>
}

/** Acknowledged messages for each kill, at least. */
const acknowledgedPerKill = 20
/** From so many kills on each kind of traffic is expected, and from so many for each every fault point. */
const killsForAllKinds = 100
const killsForEachPoint = 7
/** Of a point that few cases come by. */
const killsForEachRarePoint = 21

export function trafficOf(results: readonly CaseResult[]): Traffic {
  const sum = (of: (result: CaseResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0)
  const hits = new Map<string, number>()
  for (const result of results) {
    for (const [point, count] of result.hits) hits.set(point, (hits.get(point) ?? 0) + count)
  }
  return {
    kills: sum(({ kills }) => kills),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    repeated: sum(({ repeated }) => repeated),
    redelivered: sum(({ redelivered }) => redelivered),
    parked: sum(({ parked }) => parked),
    deadLettered: sum(({ deadLettered }) => deadLettered),
    rotations: sum(({ rotations }) => rotations),
    refused: sum(({ refused }) => refused),
    hits,
  }
}

/**
 * Why a run is not worth its name; empty where it is.
 * @param rare points that few cases come by
 */
export function shortfalls(
  traffic: Traffic,
  points: readonly Point[],
  rare: readonly Point[],
): string[] {
  const { kills, acknowledged, hits } = traffic
  const least = kills * acknowledgedPerKill
  const short: string[] = []
  if (acknowledged < least) {
    short.push(`too little traffic: ${acknowledged} acknowledged messages, ${least} are expected`)
  }
  if (kills >= killsForAllKinds) {
    const kinds = ['redelivered', 'parked', 'deadLettered', 'rotations'] as const
    for (const kind of kinds) {
      if (traffic[kind] === 0) short.push(`too little traffic: nothing was ${kind}`)
    }
    if (traffic.repeated === 0) {
      short.push('too little traffic: at least once nothing was repeated, so no kill has bitten')
    }
  }
  const all = points.length + rare.length
  const expected = [
    ...(kills >= killsForEachPoint * all ? points : []),
    ...(kills >= killsForEachRarePoint * all ? rare : []),
  ]
  const missed = expected.filter(({ name }) => !hits.has(name)).map(({ name }) => name)
  if (missed.length > 0) short.push(`no child ended at the points ${missed.join(', ')}`)
  return short
}
