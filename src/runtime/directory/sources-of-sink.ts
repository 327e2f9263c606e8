import type { NativeTrust } from '../../native/trust.js'
import type { PartitionPosition, Positions } from './positions.js'

type Entry = unknown

/**
 * What the file `sources` is to hold where a directory goes on from its sink: the numbers of both are of
 * one history, so that each stands for one partition, or the directory has none yet.
 * @param own as the directory has them, by number
 * @param shards what the sink has told of each, in their order
 */
export function mergeSources(
  own: readonly Entry[],
  shards: readonly { readonly positions: Positions; readonly standing: NativeTrust['standing'] }[],
): Entry[] {
  // Another history's stand for nothing here.
  const isOther = shards.some(({ standing }) => standing === 'other')
  const merged: Entry[] = isOther ? [] : [...own]
  const told = new Map<
    number,
    { readonly position: PartitionPosition; readonly isNewer: boolean }
  >()
  for (const { positions, standing } of shards) {
    const isNewer = standing === 'ahead' || standing === 'other'
    for (const position of positions.partitions) {
      const known = told.get(position.number)
      if (known !== undefined && !isFurther(position, isNewer, known)) continue
      told.set(position.number, { position, isNewer })
    }
  }
  for (const [number, { position, isNewer }] of told) {
    const before = merged[number]
    if (position.partition === undefined || (before !== undefined && !isNewer)) continue
    merged[number] = newestOf(before, position.partition)
  }
  return Array.from(merged, (entry, number) => entry ?? `unnamed ${number}`)
}

function isFurther(
  position: PartitionPosition,
  isNewer: boolean,
  known: { readonly position: PartitionPosition; readonly isNewer: boolean },
): boolean {
  if (isNewer !== known.isNewer) return isNewer
  return position.offset > known.position.offset
}

/** Of a producer the one with the newer epoch. */
function newestOf(before: Entry, after: Entry): Entry {
  const epochOf = (entry: Entry): number =>
    Number((entry as { epoch?: unknown } | null)?.epoch ?? 0)
  return before !== undefined && epochOf(before) > epochOf(after) ? before : after
}

/** For people: the partition's name, or the producer's. */
export function nameOf(entry: Entry, number: number): string {
  if (typeof entry === 'string') return entry
  const { partition, producer } = (entry ?? {}) as { partition?: unknown; producer?: unknown }
  return String(partition ?? producer ?? `partition ${number}`)
}
