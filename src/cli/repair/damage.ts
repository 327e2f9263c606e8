import type { Finding, SequenceRange, ShardDamage, VerificationReport } from '../../directory.js'
import { plain, type Paint } from '../terminal.js'
import { plural } from '../text.js'

const rangesMax = 12

/** `4, 7–9`; of very many the first ones. */
export function rangesText(ranges: readonly SequenceRange[]): string {
  const shown = ranges
    .slice(0, rangesMax)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`))
  const rest = ranges.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${plural(rest, 'more range')}` : shown.join(', ')
}

function countOf(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

const titles: Record<Finding['kind'], string> = {
  damage: 'DAMAGED',
  missing: 'MISSING',
  foreign: 'FOREIGN',
  'torn-tail': 'torn tail',
  leftover: 'leftover',
}

function isDamage({ kind }: Finding): boolean {
  return kind === 'damage' || kind === 'missing' || kind === 'foreign'
}

function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  return findings.flatMap((finding) => {
    const { kind, path, offset, what } = finding
    const title = isDamage(finding) ? paint('red', titles[kind]) : titles[kind]
    const where = kind === 'damage' || kind === 'torn-tail' ? ` at offset ${offset}` : ''
    return [`  ${title} ${path}${where}`, `    ${what}`]
  })
}

/** What damage costs a shard, a line for each kind of cost. */
function costLines(cost: ShardDamage): string[] {
  const lines: string[] = []
  const say = (ranges: readonly SequenceRange[], one: string, several: string, then: string) => {
    if (ranges.length === 0) return
    const count = countOf(ranges)
    lines.push(`  ${plural(count, one, several)} ${then}: ${rangesText(ranges)}`)
  }
  const messages = ['message', 'messages'] as const
  say(cost.lost, ...messages, 'lost, by sequence')
  say(cost.again, ...messages, 'may take effect again')
  say(
    cost.unknown,
    ...messages,
    'of which nothing tells whether they were done, or parked and are lost',
  )
  say(
    cost.forgotten,
    ...messages,
    'done, but their ids are forgotten: a copy sent again takes effect again',
  )
  say(
    cost.deadLettersLost,
    'dead letter',
    'dead letters',
    'lost, but for those retried or dropped before, by number',
  )
  if (cost.unknownBehind !== undefined) {
    lines.push(`  behind message ${cost.unknownBehind} more may have been stored: nothing tells`)
  }
  return lines.length > 0 ? lines : ['  nothing is lost, and nothing takes effect again']
}

/** Findings and costs: what concerns the whole directory, then shard by shard. */
export function damageLines(found: VerificationReport, paint: Paint = plain): string[] {
  const lines: string[] = []
  const whole = found.findings.filter(({ shard }) => shard === undefined)
  if (whole.length > 0) lines.push('', 'directory', ...findingLines(whole, paint))
  for (const cost of found.shards) {
    const findings = found.findings.filter(({ shard }) => shard === cost.shard)
    const costs = cost.damaged || isCostly(cost)
    if (findings.length === 0 && !costs) continue
    lines.push('', `shard ${cost.shard}`, ...findingLines(findings, paint))
    if (costs) lines.push(...costLines(cost))
  }
  return lines
}

function isCostly(cost: ShardDamage): boolean {
  const { lost, again, unknown, forgotten, deadLettersLost, unknownBehind } = cost
  const lists = [lost, again, unknown, forgotten, deadLettersLost]
  return unknownBehind !== undefined || lists.some((list) => list.length > 0)
}
