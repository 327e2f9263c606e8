import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  Acknowledge,
  BatchedEnd,
  Completion,
  Delivery,
  Durability,
  End,
  OpenOptions,
  Receipt,
  Stream,
} from 'semel'
import { expect } from 'vitest'
import { deliveries } from '../../src/core/delivery.js'
import { acknowledges } from '../../src/core/acknowledge.js'
import type { Done, Task } from '../fixtures/tasks.js'
import { fixture, opened, outputs, scratch, small } from '../runtime/verbs.js'

/** One way to send, and to be told. */
export interface Combination {
  readonly delivery: Delivery
  readonly acknowledge: Acknowledge
  readonly workers: number
  readonly durability: Durability
}

/** All nine, inline and through a worker, and exactly-once on a disk. */
export const combinations: readonly Combination[] = deliveries.flatMap((delivery) =>
  acknowledges.flatMap((acknowledge) =>
    [0, 1].map((workers) => ({
      delivery,
      acknowledge,
      workers,
      durability: delivery === 'at-most-once' ? ('memory' as const) : ('process' as const),
    })),
  ),
)

export const onDisk: readonly Combination[] = acknowledges.map((acknowledge) => ({
  delivery: 'exactly-once',
  acknowledge,
  workers: 1,
  durability: 'disk',
}))

/** What a sender gets, in any of the three modes. */
export type Acknowledged = Completion<Done> | Receipt | BatchedEnd

export type TaskStream = Stream<Task, Done>

export function isReceipt(told: Acknowledged): told is Receipt {
  return typeof told.outcome !== 'string'
}

/** A directory, the file that outputs go to, a gate that held tasks wait at, and streams on them. */
export class AcknowledgedSetting {
  readonly dir = scratch()
  readonly to = join(this.dir, 'out.ndjson')
  readonly under: Combination

  constructor(under: Combination) {
    this.under = under
  }

  get isKept(): boolean {
    return this.under.delivery !== 'at-most-once'
  }

  get options(): OpenOptions<Task> {
    const { acknowledge, ...rest } = this.under
    return {
      ...small,
      ...rest,
      acknowledge: acknowledge === 'batched' ? { batched: 8, within: '5ms' } : acknowledge,
      ...(this.isKept ? { dir: join(this.dir, 'data') } : {}),
    }
  }

  url(parameters: Record<string, string | number> = {}): URL {
    const { delivery } = this.under
    return fixture('tasks.pipeline', { to: this.to, delivery, ...parameters })
  }

  open(
    more: OpenOptions<Task> = {},
    parameters: Record<string, string | number> = {},
  ): Promise<TaskStream> {
    return opened<Task>(this.url(parameters), {
      ...this.options,
      ...more,
    } as OpenOptions) as Promise<TaskStream>
  }

  openGate(): void {
    writeFileSync(`${this.to}.open`, '')
  }

  written(): Done[] {
    return outputs<Done>(this.to, 1)
  }

  /** Their ids, in the order in which they were written. */
  writtenIds(): number[] {
    return this.written().map(({ id }) => id)
  }
}

export const place = ({ shard, sequence }: { shard: number; sequence: number }): string =>
  `${shard}/${sequence}`

/** The ends that come late: of messages that are parked when their batch is told of. */
export class LateEnds {
  readonly ends = new Map<string, End>()
  readonly #asked = new Map<string, (end: End) => void>()

  constructor(stream: TaskStream) {
    stream.on('late-outcome', (end) => {
      expect(this.ends.has(place(end)), `${place(end)} ends once`).toBe(false)
      this.ends.set(place(end), end)
      this.#asked.get(place(end))?.(end)
    })
  }

  of(told: { shard: number; sequence: number }): Promise<End> {
    const known = this.ends.get(place(told))
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve) => {
      this.#asked.set(place(told), resolve)
    })
  }

  /** How a message ended, whatever its sender was told first. */
  async endOf(told: Acknowledged): Promise<Completion<Done> | End> {
    if (isReceipt(told)) return told.outcome
    if (told.outcome === 'parked') return this.of(told)
    return told
  }
}

/** What a promise that is awaited for long says; undefined while it says nothing. */
export function watched(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const seen: { value?: unknown; error?: unknown } = {}
  promise.then(
    (value) => {
      seen.value = value
    },
    (error: unknown) => {
      seen.error = error
    },
  )
  return seen
}
