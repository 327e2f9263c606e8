import type { Offset } from '../../core/offset.js'
import { ClosedError } from '../../core/errors.js'
import { sleep } from '../../core/waiting/timers.js'
import type { NativeStatus } from '../../native/addon.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import type { Ingest } from '../door/ingest.js'
import type { GiveUps } from '../operators/given-up.js'
import type { GivingUp } from '../sources/consumption.js'

export interface GivingUpParts {
  readonly shards: number
  readonly ingest: Ingest
  /** All shards are to know this list. */
  readonly send: (list: GiveUps) => void
  /** By shard; undefined where the stream is over. */
  readonly statuses: () => readonly NativeStatus[] | undefined
  /** Lets half-filled batches go. */
  readonly hurry: () => void
}

interface Entry {
  readonly partition: number
  /** By shard: up to which sequence; Infinity while some of it waits for room. */
  through: readonly number[]
  /** All of it has ended; what shards have told of it may still be on its way. */
  hasEnded: boolean
  /** By shard: the first offset that was given up. */
  readonly first: Map<number, Offset>
}

/** How often it is looked whether what was given up has ended. */
const lookMs = 2

/**
 * What of a stream is given up, partition by partition: shards are told at once, with no bound, since
 * rows may still wait for room in their rings; then up to which sequences; and when all of these have
 * ended, that it is over.
 */
export class GivingUpDesk {
  readonly #parts: GivingUpParts
  readonly #all = new Map<number, Entry>()
  /** By shard: the list that is in force there. */
  readonly #versions: number[]
  #version = 0
  #waiting: (() => void)[] = []
  #isOver = false

  constructor(parts: GivingUpParts) {
    this.#parts = parts
    this.#versions = Array.from({ length: parts.shards }, () => 0)
  }

  giveUp(partition: number): GivingUp {
    const through = this.#versions.map(() => Infinity)
    const entry: Entry = { partition, through, hasEnded: false, first: new Map() }
    this.#all.set(partition, entry)
    const stopped = this.#send()
    const ended = this.#end(entry, stopped)
    ended.catch(() => {})
    return { stopped, ended }
  }

  answered(answer: ShardAnswer): void {
    const { shard } = answer
    if (answer.kind === 'given-up-from') {
      const first = this.#all.get(answer.partition)?.first
      const known = first?.get(shard)
      if (known === undefined || answer.offset < known) first?.set(shard, answer.offset)
      return
    }
    this.#versions[shard] = answer.version
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The stream is over: what is under way is left to its next opening. */
  close(): void {
    this.#isOver = true
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves when every shard knows the list as it is now. */
  async #send(): Promise<void> {
    this.#version += 1
    const version = this.#version
    this.#parts.send({
      version,
      all: [...this.#all.values()]
        .filter(({ hasEnded }) => !hasEnded)
        .map(({ partition, through }) => ({ partition, through })),
    })
    while (!this.#isOver && this.#versions.some((known) => known < version)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async #end(entry: Entry, stopped: Promise<void>): Promise<ReadonlyMap<number, Offset>> {
    const { ingest, hurry } = this.#parts
    const { next } = ingest.rows
    await stopped
    while (ingest.rows.waiting < next) {
      this.#statuses()
      ingest.flush()
      await sleep(lookMs)
    }
    entry.through = this.#statuses().map(({ stored }) => stored)
    await this.#send()
    while (!this.#statuses().every(({ through }, i) => through >= (entry.through[i] as number))) {
      hurry()
      await sleep(lookMs)
    }
    entry.hasEnded = true
    // What shards have told before they answer has come by then.
    await this.#send()
    this.#all.delete(entry.partition)
    this.#statuses()
    return entry.first
  }

  #statuses(): readonly NativeStatus[] {
    const statuses = this.#isOver ? undefined : this.#parts.statuses()
    if (statuses === undefined) throw new ClosedError()
    return statuses
  }
}
