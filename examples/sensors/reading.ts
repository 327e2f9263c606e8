/** A frame: sensor u64, its reading's number u32, thousandths of a degree i32, due in ms f64. */
export const reading = { bytes: 24, sensorAt: 0, numberAt: 8, valueAt: 12, dueAt: 16 } as const

/** Due at no time: a reading of the warm-up, whose latency tells of the compiler and not of the stream. */
export const uncounted = 0

/** Readings that a gateway collects before it hands them on: those of a millisecond. */
export const readingsPerTick = 100
export const ticksPerSecond = 1000
/** Each measures once a second. */
export const sensors = readingsPerTick * ticksPerSecond

/** The readings of a tick, as frames one after another. */
export class Gateway {
  readonly #bytes = new Uint8Array(readingsPerTick * reading.bytes)
  readonly #view = new DataView(this.#bytes.buffer)

  /** Valid until the next call. */
  readings(tick: number, dueMs: number): Uint8Array {
    const first = (tick % ticksPerSecond) * readingsPerTick
    const number = Math.floor(tick / ticksPerSecond) + 1
    for (let i = 0; i < readingsPerTick; i++) {
      const at = i * reading.bytes
      const sensor = first + i
      this.#view.setUint32(at + reading.sensorAt, sensor, true)
      this.#view.setUint32(at + reading.numberAt, number, true)
      this.#view.setInt32(at + reading.valueAt, 20_000 + ((sensor * 31 + tick) % 6000), true)
      this.#view.setFloat64(at + reading.dueAt, dueMs, true)
    }
    return this.#bytes
  }
}
