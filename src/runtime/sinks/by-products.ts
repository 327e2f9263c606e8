import type { Sink } from '../../core/sink.js'
import { describeThrown } from '../../core/thrown.js'
import type { NativeParked, NativeSeat } from '../../native/addon.js'
import { actions, type Detail } from '../../native/details.js'
import { kindTypeMask, outcomes } from '../../native/slots.js'
import type { Graph } from '../../pipeline/graph.js'
import { LetterReader } from '../failures/letter-reader.js'
import type { ShardEvent } from '../failures/shard-event.js'
import { Traces } from '../failures/traces.js'
import { shapesOf } from '../message/structures.js'
import type { Finished } from '../operators/finished.js'
import type { DeadLetterRecord } from '../../reliability/dead-letter-record.js'
import { bitOf, Routed } from '../operators/routed.js'
import type { SlotReader } from '../operators/slot-reader.js'

export interface ByProductsParts {
  readonly handle: number
  readonly shard: number
  /** As those who read letters know it. */
  readonly shardOfAll: number
  readonly graph: Graph
  readonly seat: NativeSeat
  readonly slots: SlotReader
  /** The last committed sequence. */
  readonly through: () => number
  readonly tell: (event: ShardEvent) => void
}

/** What a message leaves that has no outputs. */
export class ByProduct extends Routed {
  readonly sequence: number

  constructor(sequence: number, value: unknown, to: number) {
    super(value, to)
    this.sequence = sequence
  }
}

/**
 * Dead letters and late messages, for the sinks that a pipeline has for them: made of what is about to be
 * committed, and committed with it.
 */
export class ByProducts {
  readonly #parts: ByProductsParts
  readonly #letterBit: number
  readonly #lateBit: number
  readonly #reader: LetterReader
  readonly #traces: Traces
  /** Those of the commit that is being made. */
  readonly #made = new Map<number, ByProduct>()

  constructor(parts: ByProductsParts) {
    this.#parts = parts
    const { sinks, accepts } = parts.graph
    const bitFor = (takes: string): number => {
      const at = sinks.findIndex((sink) => sink.takes === takes)
      return at < 0 ? 0 : bitOf(at)
    }
    this.#letterBit = bitFor('dead-letters')
    this.#lateBit = bitFor('late')
    this.#traces = new Traces(parts)
    this.#reader = new LetterReader(accepts, shapesOf(parts.handle).load)
  }

  of(finished: Finished): readonly ByProduct[] {
    const found: ByProduct[] = []
    if (this.#letterBit !== 0) {
      for (const detail of finished.details.values()) {
        if (detail.action === actions.deadLetter) found.push(this.#letterOf(detail))
      }
    }
    if (this.#lateBit !== 0) {
      for (const sequence of this.#lateIn(finished)) found.push(this.#lateOf(sequence))
    }
    return found
  }

  /** A sink refuses one: it is in the directory, or counted, as without the sink. */
  refused(one: Routed, { name }: Sink<never>, error: unknown): void {
    const { sequence } = one as ByProduct
    const { shard, tell } = this.#parts
    tell({
      kind: 'sink-refused',
      shard,
      sequence,
      sink: name,
      error: describeThrown(error).message,
    })
  }

  /** They are committed. */
  forget(): void {
    this.#made.clear()
  }

  *#lateIn({ count, details }: Finished): Generator<number> {
    const { slots, through } = this.#parts
    const first = through() + 1
    for (let sequence = first; sequence < first + count; sequence++) {
      if (slots.outcome(sequence) === outcomes.late) yield sequence
    }
    for (const { sequence, outcome, action } of details.values()) {
      if (action === actions.settle && outcome === outcomes.late) yield sequence
    }
  }

  #letterOf({ sequence, attempts, history }: Detail): ByProduct {
    return this.#once(sequence, this.#letterBit, () => {
      const stored = { ...this.#stored(sequence), attempts, history, number: 0 }
      const {
        number: _,
        payload: __,
        ...letter
      } = this.#reader.read(stored, this.#parts.shardOfAll)
      return letter satisfies DeadLetterRecord
    })
  }

  #lateOf(sequence: number): ByProduct {
    return this.#once(sequence, this.#lateBit, () => {
      const stored = { ...this.#stored(sequence), attempts: 0, history: '', number: 0 }
      return this.#reader.read(stored, this.#parts.shardOfAll).message
    })
  }

  #once(sequence: number, to: number, make: () => unknown): ByProduct {
    const known = this.#made.get(sequence)
    if (known !== undefined && known.to === to) return known
    const made = new ByProduct(sequence, make(), to)
    this.#made.set(sequence, made)
    return made
  }

  /** Its own copy: sinks may look at it when the ring has gone on. */
  #stored(sequence: number): Pick<NativeParked, 'sequence' | 'timeMs' | 'type' | 'payload'> {
    const { slots, through } = this.#parts
    if (sequence > through()) {
      const at = slots.slotOf(sequence)
      const type = slots.kind(at) & kindTypeMask
      const payload = Buffer.from(slots.payload(at))
      return { sequence, timeMs: slots.timeMs(at), type, payload }
    }
    const { timeMs, type, payload } = this.#traces.entry(sequence)
    return { sequence, timeMs, type, payload }
  }
}
