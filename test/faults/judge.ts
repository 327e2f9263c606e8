import { judgeDeadLetters } from './dead-letters.js'
import type { Finding } from './finding.js'
import { acknowledgedRows, judgeGivenUp, rowsOf } from './judge-rows.js'
import type { Ledger } from './ledger.js'
import { endsDead, isBroken, messageOf, originOf, type Output } from './messages.js'
import { judgeOrder } from './order.js'
import type { Setting } from './setting.js'
import type { UpstreamReport } from './upstream/upstream.js'

export interface Verdict {
  readonly findings: readonly Finding[]
  /** Messages with a receipt, or that were pushed before a drain, or that their source was told of. */
  readonly acknowledged: number
  /** Messages of which nobody was told what became of them. */
  readonly unknown: number
  /** Effects above the first of a stored message. */
  readonly repeated: number
}

/** How often each id took effect, by the parts that it writes. */
type Counts = ReadonlyMap<number, readonly [number, number]>

/**
 * Judges a case when all of its lives are over and the last one has drained: from what senders were
 * told, what the sink holds, and the dead letters. An ok must be there, a fail must not, an unknown may.
 */
export function judge(
  setting: Setting,
  ledger: Ledger,
  effects: readonly Output[],
  upstream?: UpstreamReport,
): Verdict {
  const counts = countById(effects)
  const findings: Finding[] = []
  let repeated = 0
  let unknown = 0
  for (const [id, numbers] of ledger.byId) {
    const copies = numbers.map((number) => ledger.copies[number] as Ledger['copies'][0])
    const acknowledged = copies.filter(({ state }) => state === 'ok').length
    const possible = copies.filter(({ state }) => state !== 'fail').length
    if (acknowledged === 0 && possible > 0) unknown += 1
    // At most once an id is known for the life of its process.
    const lives = new Set(copies.map(({ life }) => life)).size
    const allowed = setting.delivery === 'at-most-once' && setting.dedup ? lives : possible
    const judged = judgeMessage(setting, counts, id, acknowledged > 0, allowed)
    findings.push(...judged.findings)
    repeated += judged.repeated
    const processed = copies.filter(({ outcome }) => outcome === 'processed').length
    if (setting.delivery === 'exactly-once' && processed > 1) {
      const text = `senders of message ${id} were told ${processed} times that theirs was processed`
      findings.push({ check: 'twice', id, text })
    }
  }
  const rows = rowsOf(setting, ledger, upstream)
  for (const { id, isDue } of rows) {
    if (isBroken(id)) continue
    const judged = judgeMessage(setting, counts, id, isDue, 1)
    findings.push(...judged.findings)
    repeated += judged.repeated
  }
  const given = new Set(rows.filter(({ id }) => !isBroken(id)).map(({ id }) => id))
  for (const id of counts.keys()) {
    if (originOf(id) === 'sent' ? !ledger.byId.has(id) : !given.has(id)) {
      findings.push({ check: 'phantom', id, text: `message ${id} took effect and was never sent` })
    }
  }
  if (setting.delivery === 'at-most-once') findings.push(...judgeLosses(setting, ledger, counts))
  else findings.push(...judgeDeadLetters(setting, ledger, rows))
  findings.push(...judgeGivenUp(setting, ledger, counts, upstream))
  findings.push(...judgeOrder(setting, ledger, effects), ...judgeSum(setting, effects))
  const acknowledged = ledger.acknowledged() + acknowledgedRows(setting, ledger, upstream)
  return { findings, acknowledged, unknown, repeated }
}

/** @param allowed how often it may take effect where nothing is ever repeated */
function judgeMessage(
  setting: Setting,
  counts: Counts,
  id: number,
  isAcknowledged: boolean,
  allowed: number,
): { findings: Finding[]; repeated: number } {
  const { delivery, bank } = setting
  const [first, second] = counts.get(id) ?? [0, 0]
  const message = messageOf(id, setting)
  const findings: Finding[] = []
  const found = (check: Finding['check'], what: string): void => {
    findings.push({ check, id, text: `message ${id} ${what}` })
  }
  if (allowed === 0) {
    if (first > 0) found('phantom', `was refused, and took effect ${first} times`)
    return { findings, repeated: 0 }
  }
  if (endsDead(message) || (delivery === 'at-most-once' && message.fails > 0)) {
    if (first > 0) found('phantom', `always fails, and took effect ${first} times`)
    return { findings, repeated: 0 }
  }
  if (bank && delivery !== 'at-most-once' && (first === 0) !== (second === 0)) {
    found('lost', 'took effect by halves')
  }
  if (first === 0 && isAcknowledged && delivery !== 'at-most-once') {
    found('lost', 'was acknowledged, and took no effect')
  }
  const folds = setting.sink === 'idempotent'
  if (delivery === 'exactly-once' && !folds && Math.max(first, second) > 1) {
    found('twice', `took effect ${first} times`)
  }
  if (delivery === 'at-most-once' && Math.max(first, second) > allowed) {
    found('twice', `was sent ${allowed} times, and took effect ${first} times`)
  }
  return { findings, repeated: Math.max(0, first - allowed) }
}

/**
 * At most once, what is missing is no more than what was dropped or in flight at the kill. The counters
 * that a life told last say how many had their outcomes by then; those that are said to be processed
 * have taken effect.
 */
function judgeLosses(setting: Setting, ledger: Ledger, counts: Counts): Finding[] {
  // Rows of a source and messages that are sent in several lives can't be told apart by life.
  const effects = [...counts.values()].reduce((sum, [first]) => sum + first, 0)
  const processed = ledger.lives.reduce(
    (sum, { closed, counters }) =>
      sum + (closed ?? counters).reduce((total, shard) => total + shard.processed, 0),
    0,
  )
  const findings: Finding[] = []
  if (effects < processed) {
    const text = `${processed} messages were counted as processed, and ${effects} took effect`
    findings.push({ check: 'lost', text })
  }
  const last = ledger.lives.at(-1)
  const copies = ledger.copies.slice(last?.first)
  const missing = copies.filter(({ id, state }) => {
    const { fails, refused } = messageOf(id, setting)
    return state === 'ok' && fails === 0 && !refused && !counts.has(id)
  })
  for (const { id } of missing) {
    findings.push({ check: 'lost', id, text: `message ${id} is missing though nothing was killed` })
  }
  return findings
}

function judgeSum(setting: Setting, effects: readonly Output[]): Finding[] {
  if (!setting.bank || setting.delivery === 'at-most-once') return []
  const seen = new Set<string>()
  let sum = 0
  for (const { id, part, amount } of effects) {
    const name = `${id}/${part}`
    if (!seen.has(name)) sum += amount
    seen.add(name)
  }
  return sum === 0 ? [] : [{ check: 'sum', text: `all transfers together sum to ${sum}` }]
}

function countById(effects: readonly Output[]): Counts {
  const counts = new Map<number, [number, number]>()
  for (const { id, part } of effects) {
    const count = counts.get(id)
    if (count === undefined) counts.set(id, part === 0 ? [1, 0] : [0, 1])
    else count[part] += 1
  }
  return counts
}
