import { shown } from '../../core/options.js'
import type { Offset } from '../../core/offset.js'
import type { IdentifiedPartition, Source, SourceNotice } from '../../core/source.js'
import type { Numbered, SourceOffsets } from './source-offsets.js'
import { brokenSource, isKept, readOf } from './source-rows.js'

/** A partition that is being read. */
export interface ReadPartition {
  readonly name: string
  /** By destination: its number there. */
  readonly numbers: readonly number[]
  /** Up to where it has been read and stored. */
  reached: Offset
}

/** What is found before a reading. */
export interface Reading {
  readonly partitions: ReadonlyMap<string, ReadPartition>
  readonly identified: readonly IdentifiedPartition[] | undefined
  /** Those that no other may read meanwhile: of the first destination. */
  readonly numbers: readonly number[]
}

/**
 * Finds which partitions there are to read, and from where; new ones are known from then on.
 * @param destinations of one pipeline: each has numbers and offsets of its own
 * @throws SemelError `SEMEL_SOURCE` where the source answers what it must not
 */
export async function findReading(
  source: Source<unknown>,
  destinations: readonly SourceOffsets[],
  notice: (notice: SourceNotice) => void,
): Promise<Reading> {
  if (!source.resumable) {
    const live = source.partitions.map((name) => ({
      name,
      numbers: destinations.map((offsets) => offsets.registerLive(name)),
      reached: 0,
    }))
    return { partitions: byName(source, live), identified: undefined, numbers: [] }
  }
  const known = destinations.map((offsets) => offsets.known())
  const identified = await source.identify?.(known.flat(), { notice })
  const found = identified ?? namedOnly(source, known.flat())
  readOf(source.name, 'what it identifies', () =>
    checkIdentified(source, found, known.flat().length),
  )
  const numbers = destinations.map((offsets, i) => {
    const first = known.slice(0, i).flat().length
    const own = known[i] as readonly Numbered[]
    return offsets.register(
      found.map(({ name, identity, is }) => ({
        name,
        identity,
        number: furthest(is.flatMap((one) => own[one - first] ?? [])),
      })),
    )
  })
  const partitions = found.map(({ name }, at) => {
    const own = numbers.map((ofOne) => ofOne[at] as number)
    const starts = own.map((number, i) => (destinations[i] as SourceOffsets).start(number))
    return { name, numbers: own, reached: leastOf(starts) }
  })
  return { partitions: byName(source, partitions), identified, numbers: numbers[0] ?? [] }
}

type Found = Pick<IdentifiedPartition, 'name' | 'is'> & { readonly identity: object | undefined }

/** Where the name says it all. */
function namedOnly(source: Source<unknown>, known: readonly Numbered[]): Found[] {
  return source.partitions.map((name) => ({
    name,
    identity: undefined,
    is: [...known.keys()].filter((i) => known[i]?.name === name && known[i].identity === undefined),
  }))
}

export function leastOf(offsets: readonly Offset[]): Offset {
  return offsets.reduce((least, offset) => (offset < least ? offset : least))
}

/** Where several are one: what either has stored is not to be stored again. */
function furthest(same: readonly Numbered[]): number | undefined {
  return same.toSorted((a, b) => (b.offset > a.offset ? 1 : b.offset < a.offset ? -1 : 0))[0]
    ?.number
}

function byName(
  source: Source<unknown>,
  partitions: readonly ReadPartition[],
): ReadonlyMap<string, ReadPartition> {
  const found = new Map(partitions.map((partition) => [partition.name, partition]))
  if (found.size === partitions.length) return found
  throw brokenSource(source.name, 'names a partition twice')
}

function checkIdentified(source: Source<unknown>, found: readonly Found[], known: number): void {
  if (!Array.isArray(found)) throw brokenSource(source.name, 'identifies its partitions by no list')
  const taken = new Set<number>()
  for (const one of found as readonly unknown[]) {
    if (typeof one !== 'object' || one === null) {
      throw brokenSource(source.name, `identifies a partition by ${shown(one)}, which is none`)
    }
    const { name, is, identity } = one as Found
    if (identity !== undefined && !isKept(identity)) {
      throw brokenSource(
        source.name,
        `gives the identity ${shown(identity)} for ${shown(name)}, which JSON has no form for`,
      )
    }
    if (typeof name !== 'string' || !Array.isArray(is)) {
      throw brokenSource(
        source.name,
        'identifies a partition without a name, or without saying which it is',
      )
    }
    for (const i of is as readonly number[]) {
      if (!Number.isSafeInteger(i) || i < 0 || i >= known || taken.has(i)) {
        throw brokenSource(
          source.name,
          `says that ${JSON.stringify(name)} is the known partition ${i}, of ${known}, each of which is one at most`,
        )
      }
      taken.add(i)
    }
  }
}
