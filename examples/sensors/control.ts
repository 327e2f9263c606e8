import type { Histogram } from 'node:perf_hooks'
import { BroadcastChannel } from 'node:worker_threads'
import type { Frame, Sink } from 'semel'
import { Latencies } from '../latencies.js'
import { reading, sensors, uncounted } from './reading.js'

/** From 25 °C on it is too warm. */
const limit = 25_000

/** What a shard's control loop has seen. */
export interface Seen {
  readonly shard: number
  readonly readings: number
  /** Readings that came behind a newer one of their sensor, or again. */
  readonly repeated: number
  readonly actions: number
  readonly latencies: Histogram
}

export interface Action {
  readonly sensor: number
  readonly value: number
}

/** Where workers tell what they have seen, when the stream is closed. */
export const seenChannel = 'semel-sensors'

class Control {
  readonly #newest = new Uint32Array(sensors)
  readonly #latencies = new Latencies()
  readonly #shard: number
  #readings = 0
  #repeated = 0
  actions = 0

  constructor(shard: number) {
    this.#shard = shard
  }

  /** Takes a reading; whether something has to be done about it. */
  take(frame: Frame): boolean {
    const dueMs = frame.f64(reading.dueAt)
    if (dueMs !== uncounted) this.#latencies.since(dueMs)
    const sensor = frame.u32(reading.sensorAt)
    const number = frame.u32(reading.numberAt)
    this.#readings += 1
    if (number <= (this.#newest[sensor] as number)) this.#repeated += 1
    this.#newest[sensor] = number
    return frame.i32(reading.valueAt) > limit
  }

  get seen(): Seen {
    return {
      shard: this.#shard,
      readings: this.#readings,
      repeated: this.#repeated,
      actions: this.actions,
      latencies: this.#latencies.histogram,
    }
  }
}

const controls = new Map<number, Control>()

export function controlOf(shard: number): Control {
  let control = controls.get(shard)
  if (control === undefined) {
    control = new Control(shard)
    controls.set(shard, control)
  }
  return control
}

/** A sink of one's own: it would open valves. Closed, it tells what its shard has seen. */
export const valves = Object.freeze<Sink<Action, 'repeatable'>>({
  name: 'valves',
  kind: 'repeatable',
  connect: ({ shard }) => ({
    write: (actions) => {
      controlOf(shard).actions += actions.length
    },
    close: () => {
      const control = controls.get(shard)
      if (!controls.delete(shard) || control === undefined) return
      const channel = new BroadcastChannel(seenChannel)
      channel.postMessage(control.seen)
      channel.close()
    },
  }),
})
