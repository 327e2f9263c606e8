import type { Finding } from './finding.js'
import { lettersMax, type JudgedRow } from './judge-rows.js'
import type { Ledger } from './ledger.js'
import { endsDead, isBroken, messageOf, originOf, sourceIdsFrom } from './messages.js'
import type { Setting } from './setting.js'

/** I7: what failed for good is a dead letter, once where ids are known, and nothing else is one. */
export function judgeDeadLetters(
  setting: Setting,
  ledger: Ledger,
  rows: readonly JudgedRow[],
): Finding[] {
  const findings: Finding[] = []
  const found = (text: string, id?: number): void => {
    findings.push({ check: 'dead letters', text, ...(id === undefined ? {} : { id }) })
  }
  const last = ledger.lives.at(-1)
  const byId = new Map<number, number>()
  const byLine = new Map<number, number>()
  for (const { id, line } of last?.letters ?? []) {
    if (id !== undefined) byId.set(id, (byId.get(id) ?? 0) + 1)
    if (line !== undefined) byLine.set(line, (byLine.get(line) ?? 0) + 1)
  }

  for (const [id, letters] of byId) {
    const copies = copiesOf(ledger, id)
    const possible = copies.filter(({ state }) => state !== 'fail').length
    const ofSent = setting.dedup ? Math.min(1, possible) : possible
    const most = originOf(id) === 'sent' ? ofSent : lettersMax(setting, id)
    if (!endsDead(messageOf(id, setting)) || letters > most) {
      found(`message ${id} has ${letters} dead letters`, id)
    }
  }
  const dead = [...ledger.byId.keys()].filter((id) => endsDead(messageOf(id, setting)))
  for (const id of dead) {
    if (copiesOf(ledger, id).some(({ state }) => state === 'ok') && !byId.has(id)) {
      found(`message ${id} was acknowledged and always fails, and has no dead letter`, id)
    }
  }

  for (const { id, isDue } of rows) {
    if (isBroken(id)) {
      const letters = byLine.get(originOf(id) === 'file' ? id - sourceIdsFrom : id) ?? 0
      if ((isDue && letters === 0) || letters > lettersMax(setting, id)) {
        found(`the malformed row ${id} has ${letters} dead letters`)
      }
    } else if (isDue && endsDead(messageOf(id, setting)) && !byId.has(id)) {
      found(`row ${id} always fails, and has no dead letter`, id)
    }
  }

  const counted = (last?.closed ?? []).reduce((sum, shard) => sum + shard.deadLettered, 0)
  const listed = last?.letters.length ?? 0
  if (last?.closed !== undefined && counted !== listed) {
    found(`${counted} messages were counted as dead-lettered, and ${listed} are listed`)
  }
  return findings
}

function copiesOf(ledger: Ledger, id: number): Ledger['copies'] {
  return (ledger.byId.get(id) ?? []).map((number) => ledger.copies[number] as Ledger['copies'][0])
}
