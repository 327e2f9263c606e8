import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DirectoryReport, ShardReport } from 'semel/directory'
import type { Finding } from './finding.js'
import type { Tally } from './job.js'
import type { Copy } from './ledger.js'

const places = ['processed', 'filtered', 'duplicate', 'late', 'deadLettered', 'dropped'] as const

/** I5 on disk: whatever was killed when, every stored message is in one place. */
export function checkConserved({ shards }: DirectoryReport): Finding[] {
  return shards.flatMap((shard, i) => {
    const ended = places.reduce((sum, place) => sum + shard[place], 0)
    return ended + shard.parked === shard.through && shard.through <= shard.stored
      ? []
      : [conservation(`shard ${i} on disk: ${JSON.stringify(shard)}`)]
  })
}

/** I5 as a stream tells it. */
export function checkBalanced(counters: Tally, when: string): Finding[] {
  const ended = places.reduce((sum, place) => sum + counters[place], 0)
  return ended + counters.parked + counters.inFlight === counters.stored
    ? []
    : [conservation(`${when}: ${JSON.stringify(counters)}`)]
}

/** An opening finds what was on disk, and nothing else. */
export function checkReopened(opened: Tally, { shards }: DirectoryReport): Finding[] {
  const names = ['stored', 'parked', ...places] as const
  return names.flatMap((name) => {
    const found = shards.reduce((sum, shard) => sum + shard[name], 0)
    return found === opened[name]
      ? []
      : [conservation(`${found} ${name} on disk, ${opened[name]} once it was opened`)]
  })
}

/**
 * Behind an end in order, over a database: the directory's record of what is confirmed is what the sink
 * has, so that asking it changes nothing.
 * @param tallies on disk, and as it was opened once more
 */
export function checkReopenedAtEnd(tallies: readonly Tally[] | undefined): Finding[] {
  const [known, opened] = tallies ?? []
  if (JSON.stringify(known) === JSON.stringify(opened)) return []
  const text = `the directory knew ${JSON.stringify(known)}, and with the sink's answer ${JSON.stringify(opened)}`
  return [{ check: 'committed', text }]
}

/** Every opening raises the epoch, so that an older one can commit nothing (I8). */
export function checkEpoch(
  before: readonly ShardReport[],
  after: readonly ShardReport[],
  hasOpened: boolean,
): Finding[] {
  return after.flatMap((shard, i): Finding[] => {
    const old = before[i]?.epoch ?? 0
    return shard.epoch > old || (shard.epoch === old && !hasOpened)
      ? []
      : [{ check: 'epoch', text: `shard ${i} had the epoch ${old}, and now ${shard.epoch}` }]
  })
}

/** I1: what a receipt was given for is stored, and a sequence is never given twice. */
export function checkReceipts(
  copies: readonly Copy[],
  { shards }: DirectoryReport,
  given: Set<string>,
): Finding[] {
  const found: Finding[] = []
  for (const { id, shard, sequence } of copies) {
    if (shard < 0) continue
    const stored = shards[shard]?.stored ?? 0
    if (sequence > stored) {
      const text = `message ${id} has a receipt for ${shard}:${sequence}, and ${stored} are stored`
      found.push({ check: 'receipt', id, text })
    }
    const name = `${shard}:${sequence}`
    if (given.has(name)) {
      found.push({ check: 'receipt', id, text: `the sequence ${name} was given twice` })
    }
    given.add(name)
  }
  return found
}

/** How often the ack logs have gone on to another segment: their files are numbered. */
export function rotations(dir: string, shards: number): number {
  let total = 0
  for (let shard = 0; shard < shards; shard++) {
    const numbers = readdirSync(join(dir, `shard-${shard}`)).flatMap((name) => {
      const number = /^ack-([0-9a-f]+)\.log$/.exec(name)?.[1]
      return number === undefined ? [] : [Number.parseInt(number, 16)]
    })
    // The one behind the active is kept ready.
    total += Math.max(0, Math.max(...numbers, 0) - 2)
  }
  return total
}

function conservation(text: string): Finding {
  return { check: 'conservation', text }
}
