import type { Moment } from './program.js'
import type { Point } from './points.js'
import { Random } from './random.js'
import {
  drawAcknowledge,
  drawFiles,
  drawSetting,
  drawSources,
  drawBeside,
  drawTransactional,
  isKept,
  isTransactional,
  type Setting,
} from './setting.js'

/** How one life of a case ends. */
export interface End {
  /** Where it ends itself; undefined: it is killed at the moment. */
  readonly point?: { readonly name: string; readonly passage: number }
  /** When it is killed; where a point was chosen, in case that it is not reached. */
  readonly moment: Moment
  readonly closesAfterMs?: number
}

export interface Plan {
  readonly id: number
  readonly setting: Setting
  readonly ends: readonly End[]
  /** Behind which lives the directory is copied, and the copy is put back; only over a database. */
  readonly backup?: { readonly takenAfter: number; readonly putBackAfter: number }
}

const killsMin = 4
const killsMax = 10
/** A life that is to end at a point has missed it when it has told so much, or taken so long. */
const missedAfter: Moment = { after: 'opened', ms: 6000, lines: 600 }
/** Of a case's own point one of the first passages is taken once, so that it is not missed. */
const firstPassages = 3

/** Points that are drawn apart, and of which lives how many end there. */
interface Apart {
  readonly points: readonly Point[]
  readonly share: number
  readonly takes: (end: End) => boolean
}

/**
 * What happens in a case: all of it follows from the seed and the case's number.
 * @param upstream points that only sources of the parent's come by
 * @param database points that only commits over a database come by
 */
export function planCase(
  seed: string,
  id: number,
  points: readonly Point[],
  upstream: readonly Point[] = [],
  database: readonly Point[] = [],
): Plan {
  const random = new Random(`${seed} case ${id}`)
  // Each case has a point of its own, so that all get their share; its setting must come by it.
  const own = points[id % points.length] as Point
  const acknowledge = drawAcknowledge(new Random(`${seed} case ${id} acknowledge`))
  let setting = drawSetting(random, acknowledge)
  while (!own.fits(setting)) setting = drawSetting(random, acknowledge)
  setting = drawFiles(new Random(`${seed} case ${id} files`), setting)
  const apart = new Random(`${seed} case ${id} sources`)
  const drawn = drawSources(apart, setting)
  if (own.fits(drawn)) setting = drawn
  const ofDatabase = new Random(`${seed} case ${id} database`)
  const over = drawTransactional(ofDatabase, setting)
  if (own.fits(over)) setting = over
  const beside = drawBeside(new Random(`${seed} case ${id} beside`), setting)
  if (own.fits(beside)) setting = beside
  const fitting = points.filter((point) => point.fits(setting) && !point.isFirst)
  const ends = Array.from({ length: random.between(killsMin, killsMax) }, (_, life) => {
    if (random.chance(0.5)) return drawMoment(random, setting)
    const isOwn = own.isFirst ? life === 0 : random.chance(0.5)
    return drawPassage(random, isOwn ? own : random.oneOf(fitting), setting)
  })
  // Its own comes at least once.
  const passagesMax = Math.min(own.passagesMax, firstPassages)
  // What is opened has to be there already.
  const at = own.isFirst ? 0 : random.between(1, ends.length - 1)
  ends[at] = drawPassage(random, { ...own, passagesMax }, setting)
  drawApart(apart, ends, at, setting, { points: upstream, share: 0.35, takes: () => true })
  if (!isTransactional(setting)) return { id, setting, ends }
  drawApart(ofDatabase, ends, at, setting, { points: database, share: 0.7, takes: endsAtAPoint })
  return { id, setting, ends, ...drawBackup(ofDatabase, ends.length) }
}

function endsAtAPoint({ point }: End): boolean {
  return point !== undefined
}

function drawBackup(random: Random, lives: number): Pick<Plan, 'backup'> {
  if (random.chance(0.6)) return {}
  const takenAfter = random.below(lives - 1)
  return { backup: { takenAfter, putBackAfter: random.between(takenAfter + 1, lives - 1) } }
}

/** Some lives end at points that few cases come by; the one that ends at the case's own point stays. */
function drawApart(
  random: Random,
  ends: End[],
  own: number,
  setting: Setting,
  { points, share, takes }: Apart,
): void {
  const fitting = points.filter((point) => point.fits(setting))
  if (fitting.length === 0) return
  for (const [life, end] of ends.entries()) {
    if (life === own || !takes(end) || !random.chance(share)) continue
    ends[life] = drawPassage(random, random.oneOf(fitting), setting)
  }
}

function drawPassage(random: Random, point: Point, { shards }: Setting): End {
  const { name, passagesMax, isOfShard, isClosing } = point
  return {
    point: { name, passage: random.upTo(isOfShard ? shards : passagesMax) },
    moment: missedAfter,
    ...(isClosing ? { closesAfterMs: random.between(10, 40) } : {}),
  }
}

function drawMoment(random: Random, setting: Setting): End {
  const kind = random.below(10)
  // While it opens; at most once there is little to open.
  if (kind < 2 && isKept(setting)) {
    return { moment: { after: 'opening', ms: random.below(12), lines: 0 } }
  }
  if (kind < 3) {
    const moment: Moment = { after: 'closing', ms: random.below(10), lines: 0 }
    return { moment, closesAfterMs: random.between(10, 80) }
  }
  if (kind < 6) return { moment: { after: 'opened', ms: 500, lines: random.upTo(300) } }
  return { moment: { after: 'opened', ms: random.below(120), lines: 0 } }
}
