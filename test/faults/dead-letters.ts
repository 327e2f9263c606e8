import type { Finding } from './finding.js'
import type { Ledger } from './ledger.js'
import { endsDead, isMalformed, messageOf, sourceIdsFrom } from './messages.js'
import type { Setting } from './setting.js'

/** I7: what failed for good is a dead letter, once where ids are known, and nothing else is one. */
export function judgeDeadLetters(setting: Setting, ledger: Ledger): Finding[] {
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
    const possible = isRow(setting, id) ? 1 : copies.filter(({ state }) => state !== 'fail').length
    const most = setting.dedup ? Math.min(1, possible) : possible
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

  for (let line = 1; ledger.consumed && line <= setting.sourceRows; line++) {
    const id = sourceIdsFrom + line
    if (isMalformed(line)) {
      const letters = byLine.get(line) ?? 0
      if (letters !== 1) found(`the malformed row ${line} has ${letters} dead letters`)
    } else if (endsDead(messageOf(id, setting)) && !byId.has(id)) {
      found(`row ${line} always fails, and has no dead letter`, id)
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

function isRow({ sourceRows }: Setting, id: number): boolean {
  return id > sourceIdsFrom && id <= sourceIdsFrom + sourceRows
}
