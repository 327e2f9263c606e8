/** What a client sends up to where it waits for an answer. */
export interface Round {
  readonly bytes: Buffer
  readonly isCommit: boolean
}

const headBytes = 5
/** Query, and Sync; https://www.postgresql.org/docs/current/protocol-message-formats.html */
const [query, sync] = [0x51, 0x53]

/** What a client sends to PostgreSQL, cut into rounds. */
export class Rounds {
  #held = Buffer.alloc(0)
  /** Bytes of it that are whole messages. */
  #whole = 0
  #hasStarted = false

  take(chunk: Buffer): Round[] {
    this.#held = Buffer.concat([this.#held, chunk])
    const rounds: Round[] = []
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const type = this.#held[this.#whole]
      const isLast = !this.#hasStarted || type === query || type === sync
      this.#hasStarted = true
      this.#whole += length
      if (isLast) rounds.push(this.#end())
    }
    // What waits for no answer, as Terminate does, goes on at once.
    if (this.#held.length > 0 && this.#whole === this.#held.length && !this.#isParsing()) {
      rounds.push(this.#end())
    }
    return rounds
  }

  /** The length of the next message where it is whole; else 0. The first one has no type. */
  #next(): number {
    const head = this.#hasStarted ? headBytes : headBytes - 1
    if (this.#held.length < this.#whole + head) return 0
    const length = this.#held.readUInt32BE(this.#whole + head - 4) + head - 4
    return this.#held.length < this.#whole + length ? 0 : length
  }

  /** A Sync follows on Parse, Bind, Describe and Execute. */
  #isParsing(): boolean {
    return 'PBDE'.includes(String.fromCodePoint(this.#held[0] as number))
  }

  #end(): Round {
    const bytes = this.#held.subarray(0, this.#whole)
    this.#held = this.#held.subarray(this.#whole)
    this.#whole = 0
    // The one statement that is a commit, or the end of several.
    const isEnd = bytes[0] === query && bytes.includes('COMMIT\0')
    return { bytes, isCommit: isEnd || bytes.includes('WITH semel_taken') }
  }
}
