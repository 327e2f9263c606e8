import type { Finding } from './finding.js'
import type { Ledger } from './ledger.js'
import { fileOfRow, originOf, partitionOfRow, sourceIdsFrom, type Output } from './messages.js'
import type { Setting } from './setting.js'

/**
 * Per key, effects come in the order in which the messages were stored (I6): repeats apart, which at
 * least once follow a kill.
 *
 * Which copy of a message took effect is not always known: it is the first that was stored, so an
 * acknowledged one or one before it of which nothing is known. The order is wrong when no choice of
 * copies makes it right; taking the earliest copy that fits leaves most room for what follows. A queue
 * gives in any order.
 */
export function judgeOrder(
  setting: Setting,
  ledger: Ledger,
  effects: readonly Output[],
): Finding[] {
  const { delivery, dedup } = setting
  const findings: Finding[] = []
  const last = new Map<string, number>()
  const seen = new Set<number>()
  // At most once without ids, each copy may take effect, and any of them may be missing.
  const everyCopy = delivery === 'at-most-once'
  for (const { id, key, part } of effects) {
    if (part !== 0) continue
    if (!everyCopy) {
      if (seen.has(id)) continue
      seen.add(id)
    } else if (dedup && seen.has(id)) {
      continue
    }
    const origin = originOf(id)
    if (origin === 'queue') continue
    const isRow = origin !== 'sent'
    // What never should have been there has no place; that is found elsewhere.
    if (!isRow && !mayBeThere(ledger, id)) continue
    const line = isRow ? `rows of ${key} in ${partOf(setting, id)}` : key
    const before = last.get(line) ?? -1
    const place = isRow ? id : earliest(ledger, id, before, everyCopy)
    if (place === undefined || place <= before) {
      const text = `message ${id} of ${key} took effect behind a later one`
      findings.push({ check: 'out of order', id, text })
      continue
    }
    last.set(line, place)
  }
  return findings
}

/** The part of a source that has an order of its own. */
function partOf(setting: Setting, id: number): string {
  return originOf(id) === 'file'
    ? `file ${fileOfRow(setting, id - sourceIdsFrom)}`
    : `partition ${partitionOfRow(setting, id)}`
}

function mayBeThere({ byId, copies }: Ledger, id: number): boolean {
  return (byId.get(id) ?? []).some((number) => copies[number]?.state !== 'fail')
}

/** The first copy behind `before` that may be the one that took effect. */
function earliest(
  ledger: Ledger,
  id: number,
  before: number,
  everyCopy: boolean,
): number | undefined {
  for (const number of ledger.byId.get(id) ?? []) {
    const { state } = ledger.copies[number] as Ledger['copies'][0]
    if (state === 'fail') continue
    if (number > before) return number
    if (state === 'ok' && !everyCopy) return undefined
  }
  return undefined
}
