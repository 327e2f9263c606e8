import { asOffset, type Offset } from '../../core/offset.js'
import { shown } from '../../core/options.js'
import type { AssignedPartition, Place, RevokedOptions } from '../../core/replayable-source.js'
import { every, nowMs, type End } from '../../core/waiting/timers.js'
import { Assignment } from './assignment.js'
import { AllShards } from './confirmed.js'
import { Leaving } from './leaving.js'
import type { Target } from './row-taker.js'
import type { SafeTeller } from './safe-teller.js'
import type { Numbered } from './source-offsets.js'
import { brokenSource, isKept, readOf } from './source-rows.js'

export interface AssignmentsParts {
  /** The source's name. */
  readonly source: string
  readonly targets: readonly Target[]
  /** The reading is over. */
  readonly ended: AbortSignal
  /** The source breaks its contract. */
  readonly broken: (error: unknown) => void
}

/** How often a connection is told what is safe, at most. */
const safeMs = 100

/** The partitions of a connection: those that it has, that it waits for, and that go. */
export class Assignments {
  readonly #parts: AssignmentsParts
  readonly #shards: AllShards
  readonly #assigned = new Map<string, Assignment>()
  /** Another reading has them. */
  readonly #waiting = new Map<string, AbortController>()
  /** They go; by name the newest. */
  readonly #leaving = new Map<string, Leaving>()
  /** What comes of these is left out. */
  readonly #gone = new Set<string>()
  #safe: SafeTeller | undefined
  #endLooks: End | undefined
  #isOver = false

  constructor(parts: AssignmentsParts) {
    this.#parts = parts
    this.#shards = new AllShards(parts.targets)
  }

  /** From now on the connection is told what is safe. */
  begin(safe: SafeTeller): void {
    this.#safe = safe
    this.#endLooks = every(safeMs, () => this.#tick())
  }

  /** Undefined where what comes of it is left out. */
  find(name: string): Assignment | 'gone' | undefined {
    return this.#assigned.get(name) ?? (this.#gone.has(name) ? 'gone' : undefined)
  }

  async assign(partitions: readonly AssignedPartition[]): Promise<readonly Place[]> {
    // A connection that has failed may still be given some: nobody would release them.
    if (this.#isOver) return []
    try {
      const asked = readOf(this.#parts.source, 'what it was assigned', () =>
        this.#checked(partitions),
      )
      const numbers = this.#register(asked)
      const held = await Promise.all(
        asked.map((one, at) =>
          this.#hold(
            one,
            numbers.map((of) => of[at] as number),
          ),
        ),
      )
      // While others were waited for it may have gone, and come again at a later place.
      return held.flatMap((one) =>
        one !== undefined && this.#assigned.get(one.name) === one
          ? [{ partition: one.name, offset: one.from }]
          : [],
      )
    } catch (error) {
      this.#parts.broken(error)
      throw error
    }
  }

  async revoke(names: readonly string[], options: RevokedOptions = {}): Promise<void> {
    if (!Array.isArray(names)) {
      const error = brokenSource(this.#parts.source, `revokes ${shown(names)}, which is no list`)
      this.#parts.broken(error)
      throw error
    }
    const { withinMs, lost } = options
    const limitMs = lost === true ? 0 : (withinMs ?? Infinity)
    await Promise.all([...names].map((name) => this.#revoke(name, limitMs, lost === true)))
  }

  /** Resolves when all that was taken is confirmed, and told to be, or the reading is over. */
  async allSafe(signal: AbortSignal): Promise<void> {
    const leaving = [...this.#assigned.values()].map((one) => this.#leaver(one, signal))
    await Promise.all(leaving.map((one) => one.confirmed()))
    await this.#tell()
    for (const one of this.#assigned.values()) one.tellShardsNow()
  }

  /** The connection is closed: others may read what it had. */
  end(): void {
    this.#isOver = true
    this.#endLooks?.()
    this.#safe?.end()
    for (const waiting of this.#waiting.values()) waiting.abort()
    for (const leaving of this.#leaving.values()) leaving.end()
    for (const one of this.#assigned.values()) one.release()
    this.#assigned.clear()
  }

  #checked(partitions: unknown): readonly AssignedPartition[] {
    const { source } = this.#parts
    if (!Array.isArray(partitions)) {
      throw brokenSource(source, `was assigned ${shown(partitions)}, which is no list`)
    }
    const names = new Set<string>()
    return (partitions as readonly unknown[]).map((one) => {
      const { partition, identity, offset } = (one ?? {}) as Partial<AssignedPartition>
      if (typeof partition !== 'string') {
        throw brokenSource(source, `was assigned ${shown(one)}, where one is { partition }`)
      }
      if (names.has(partition) || this.#assigned.has(partition) || this.#waiting.has(partition)) {
        throw brokenSource(source, `was assigned ${JSON.stringify(partition)} twice`)
      }
      names.add(partition)
      if (identity !== undefined && !isKept(identity)) {
        throw brokenSource(
          source,
          `gives the identity ${shown(identity)} for ${shown(partition)}, which JSON has no form for`,
        )
      }
      const known = offset === undefined ? undefined : asOffset(offset)
      if (offset !== undefined && known === undefined) {
        throw brokenSource(source, `was assigned ${shown(partition)} at ${shown(offset)}`)
      }
      return {
        partition,
        ...(identity === undefined ? {} : { identity }),
        ...(known === undefined ? {} : { offset: known }),
      }
    })
  }

  /** By destination: the numbers of the partitions. */
  #register(asked: readonly AssignedPartition[]): readonly (readonly number[])[] {
    return this.#parts.targets.map(({ offsets }) => {
      const known = offsets.known()
      return offsets.register(
        asked.map((one) => ({
          name: one.partition,
          identity: one.identity,
          number: numberOf(one, known),
        })),
      )
    })
  }

  /** Waits until no other reading has it; undefined where it was revoked before. */
  async #hold(
    { partition: name, offset }: AssignedPartition,
    numbers: readonly number[],
  ): Promise<Assignment | undefined> {
    const { targets, ended } = this.#parts
    const waiting = new AbortController()
    this.#waiting.set(name, waiting)
    const signal = AbortSignal.any([ended, waiting.signal])
    // Numbers are of each stream and class; to hold those of the first is enough.
    const own = { numbers: numbers.slice(0, 1) }
    const claim = await (targets[0] as Target).claims.hold(async () => own, signal)
    if (this.#waiting.get(name) === waiting) this.#waiting.delete(name)
    if (claim === undefined) return undefined
    if (signal.aborted) {
      claim.release()
      return undefined
    }
    const from = this.#from(numbers, offset)
    this.#gone.delete(name)
    const assignment = new Assignment({
      name,
      numbers,
      from,
      told: offset,
      targets,
      shards: this.#shards,
      ended,
      release: claim.release,
    })
    this.#assigned.set(name, assignment)
    return assignment
  }

  /** Where all of it is stored, or done by others. */
  #from(numbers: readonly number[], others: Offset = 0): Offset {
    const { targets } = this.#parts
    let from: Offset | undefined
    for (const [i, { offsets }] of targets.entries()) {
      const number = numbers[i] as number
      offsets.begin(number, others)
      if (others > offsets.start(number)) offsets.passed(number, others)
      const start = offsets.start(number)
      from = from === undefined || start < from ? start : from
    }
    return from ?? others
  }

  async #revoke(name: string, limitMs: number, isLost: boolean): Promise<void> {
    this.#waiting.get(name)?.abort()
    this.#waiting.delete(name)
    this.#gone.add(name)
    const assigned = this.#assigned.get(name)
    if (assigned === undefined) {
      const leaving = this.#leaving.get(name)
      leaving?.hasten(limitMs, isLost)
      return leaving?.gone
    }
    this.#assigned.delete(name)
    assigned.revoke()
    const leaving = this.#leaver(assigned, this.#parts.ended)
    leaving.hasten(limitMs, isLost)
    this.#leaving.set(name, leaving)
    await leaving.begin()
    if (this.#leaving.get(name) === leaving) this.#leaving.delete(name)
  }

  #leaver(assignment: Assignment, signal: AbortSignal): Leaving {
    const { targets } = this.#parts
    return new Leaving({
      assignment,
      targets,
      shards: this.#shards,
      signal,
      tell: () => this.#tell(assignment),
    })
  }

  #tick(): void {
    const ends = this.#shards.ends()
    if (ends === undefined) return
    for (const one of this.#assigned.values()) {
      one.look(ends)
      one.tellShards(nowMs())
    }
    if (this.#safe?.isTelling === false) void this.#tell()
  }

  /** Tells the connection what is safe: of all that it has, or of one that goes. */
  async #tell(only?: Assignment): Promise<void> {
    await this.#safe?.tell(() => {
      const places: Place[] = []
      for (const one of only === undefined ? this.#assigned.values() : [only]) {
        const offset = one.untold
        if (offset === undefined) continue
        one.told = offset
        places.push({ partition: one.name, offset })
      }
      return places
    })
  }
}

/** The number of a partition that is known: by its name, and its identity where it has one. */
function numberOf(
  { partition, identity }: AssignedPartition,
  known: readonly Numbered[],
): number | undefined {
  const named = known.filter(({ name }) => name === partition)
  const text = JSON.stringify(identity)
  const same = named.find((one) => JSON.stringify(one.identity) === text)
  // One that had none so far gets its own.
  return (same ?? named.find((one) => one.identity === undefined))?.number
}
