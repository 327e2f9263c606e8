import type { Row } from './campaign.js'
import type { CaseResult } from './case.js'
import type { Point } from './points.js'
import { levelOf, nameOf } from './setting.js'
import type { Traffic } from './traffic.js'

/** Findings of one case that are printed. */
const shownMax = 6

/** @param faultOf what a case's line is called */
export function rowsOf(
  results: readonly CaseResult[],
  faultOf: (result: CaseResult) => string = killOf,
): Row[] {
  return [...grouped(results, faultOf)].map(([fault, group]) => {
    const sum = (of: (result: CaseResult) => number): number =>
      group.reduce((total, result) => total + of(result), 0)
    const found = (check?: string): number =>
      sum(({ findings }) => findings.filter((one) => one.check === check).length)
    const all = sum(({ findings }) => findings.length)
    const [lost, twice, outOfOrder] = [found('lost'), found('twice'), found('out of order')]
    return {
      fault,
      cases: group.length,
      acknowledged: sum((result) => result.acknowledged),
      lost,
      twice,
      outOfOrder,
      other: all - lost - twice - outOfOrder,
      unknown: sum((result) => result.unknown),
      repeated: sum((result) => result.repeated),
      seconds: sum((result) => result.seconds),
    }
  })
}

function killOf({ plan: { setting } }: CaseResult): string {
  return `kill -9, ${setting.delivery}, ${levelOf(setting)}`
}

function grouped(
  results: readonly CaseResult[],
  faultOf: (result: CaseResult) => string,
): Map<string, CaseResult[]> {
  const groups = new Map<string, CaseResult[]>()
  for (const result of results) {
    const name = faultOf(result)
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return new Map([...groups].toSorted(([a], [b]) => a.localeCompare(b)))
}

export function notesOf(traffic: Traffic, points: readonly Point[]): string[] {
  const { kills, hits, redelivered, parked, deadLettered, rotations, refused } = traffic
  const atPoints = [...hits.values()].reduce((sum, count) => sum + count, 0)
  const missed = points.filter(({ name }) => !hits.has(name)).map(({ name }) => name)
  return [
    `${kills} kills met a running child, ${atPoints} of them at ${hits.size} of ${points.length} fault points`,
    ...(missed.length > 0 ? [`no child ended at ${missed.join(', ')}`] : []),
    `${redelivered} messages in flight and ${parked} parked at reopenings, ${deadLettered} dead letters, ${rotations} rotations of ack logs, ${refused} older directories refused`,
    `points: ${[...hits]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ×${count}`)
      .join(', ')}`,
  ]
}

/** @param again the options that run it again, but for the seed */
export function describeFailure(
  { plan, dir, findings }: CaseResult,
  seed: string,
  again = `--kills 1 --case ${plan.id}`,
): string[] {
  if (findings.length === 0) return []
  const shown = findings.slice(0, shownMax).map(({ check, text }) => `  ${check}: ${text}`)
  const more = findings.length - shown.length
  return [
    [
      `case ${plan.id}: ${nameOf(plan.setting)}`,
      ...shown,
      ...(more > 0 ? [`  and ${more} more`] : []),
      `  its directory: ${dir}`,
      `  again: npm run faults -- ${again} --seed ${seed}`,
    ].join('\n'),
  ]
}

/** One line on a terminal, rewritten. */
export class Progress {
  readonly #wanted: number
  readonly #began = performance.now()

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  show(results: readonly CaseResult[]): void {
    if (!process.stderr.isTTY) return
    const kills = results.reduce((sum, result) => sum + result.kills, 0)
    const wrong = results.filter(({ findings }) => findings.length > 0).length
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(0)
    process.stderr.write(`\r${kills} of ${this.#wanted} kills, ${wrong} cases wrong, ${seconds} s `)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\n')
  }
}
