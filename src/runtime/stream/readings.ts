import type { WaitOptions } from '../../core/waiting/wait.js'
import { addon, type NativeRecovery, type NativeStatus } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import type { Sender } from '../door/sender.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import type { Settings } from '../settings/options.js'
import type { Destination } from '../sources/consumption.js'
import { SourceClaims } from '../sources/source-claims.js'
import { SourceOffsets } from '../sources/source-offsets.js'
import type { Runner } from '../workers/runner.js'
import { GivingUpDesk } from './giving-up.js'

export interface ReadingsParts {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
  readonly sender: Sender
  readonly runner: () => Runner | undefined
  readonly ready: (options: WaitOptions) => Promise<void>
  readonly flush: (options: WaitOptions) => Promise<void>
  /** @throws where the stream takes nothing any more */
  readonly check: () => void
  readonly over: AbortSignal
  /** It is closed, or has failed. */
  readonly isOver: () => boolean
}

/** What all readings of an open stream share. */
export class Readings {
  readonly #parts: ReadingsParts
  readonly #givingUp: GivingUpDesk
  readonly #claims = new SourceClaims()
  #offsets: SourceOffsets | undefined

  constructor(parts: ReadingsParts) {
    const { settings, sender, runner, isOver } = parts
    this.#parts = parts
    this.#givingUp = new GivingUpDesk({
      shards: settings.shards,
      ingest: sender.ingest,
      send: (list) => runner()?.giveUp(list),
      statuses: () =>
        isOver()
          ? undefined
          : Array.from({ length: settings.shards }, (_, shard) => this.#status(shard)),
      hurry: () => this.#hurry(),
    })
  }

  get destination(): Destination {
    const { isOver, sender } = this.#parts
    this.#offsets ??= new SourceOffsets(this.#parts)
    return {
      ...this.#parts,
      ingest: sender.ingest,
      ends: (shard) => (isOver() ? undefined : this.#status(shard)),
      hurry: () => this.#hurry(),
      giveUp: (partition) => this.#givingUp.giveUp(partition),
      offsets: this.#offsets,
      claims: this.#claims,
    }
  }

  answered(answer: ShardAnswer): void {
    this.#givingUp.answered(answer)
  }

  close(): void {
    this.#givingUp.close()
  }

  #status(shard: number): NativeStatus {
    return addon().status(this.#parts.handle, shard)
  }

  /** What waits to be more goes on, and what waits to be synced is. */
  #hurry(): void {
    const { handle, settings, runner, isOver } = this.#parts
    if (isOver()) return
    runner()?.flush()
    for (let shard = 0; shard < settings.shards; shard++) addon().acksDurable(handle, shard)
  }
}
