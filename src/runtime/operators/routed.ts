/** An output of a pipeline with several sinks, as each of them is a bit. */
export class Routed {
  readonly value: unknown
  /** Which sinks it goes to. */
  readonly to: number
  /** Which have it, of this commit. */
  written = 0

  constructor(value: unknown, to: number) {
    this.value = value
    this.to = to
  }
}

export function bitOf(sink: number): number {
  return 1 << sink
}

export function bitsOf(sinks: readonly number[]): number {
  let bits = 0
  for (const sink of sinks) bits |= bitOf(sink)
  return bits
}

/** An output as it was made, whatever it goes to. */
export function valueOf(output: unknown): unknown {
  return output instanceof Routed ? output.value : output
}
