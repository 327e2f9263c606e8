import { statusText, type Status } from './status.js'

/** A request that is known by its key. */
export class KnownKey {
  readonly id: string
  readonly key: string
  #fingerprint: string | undefined
  #status: Status = { status: 'under-way' }
  #text: string
  /** Why its message was not taken; or that it is forgotten. */
  #failure: { readonly error: unknown } | undefined
  readonly #waiting = new Set<() => void>()

  constructor(id: string, key: string, fingerprint: string | undefined) {
    this.id = id
    this.key = key
    this.#fingerprint = fingerprint
    this.#text = statusText(key, this.#status)
  }

  /** Undefined where nobody knows that of the request which had the effect. */
  get fingerprint(): string | undefined {
    return this.#fingerprint
  }

  /** An earlier request has had the effect, and may have been another one. */
  hadForerunner(): void {
    this.#fingerprint = undefined
  }

  get status(): Status {
    return this.#status
  }

  /** The status as JSON. */
  get text(): string {
    return this.#text
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  /** What it takes in memory, about: two bytes a character, and what objects take. */
  get bytes(): number {
    return 512 + 2 * (this.id.length * 2 + this.#text.length)
  }

  advance(status: Status): void {
    this.#text = statusText(this.key, status)
    // The text has it: a result that nobody looks at need not be kept twice.
    this.#status =
      status.status === 'ended' ? { ...status, result: undefined, results: [] } : status
    this.#tell()
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.#tell()
  }

  /**
   * Calls `run` at each change.
   * @returns to be called when that is to end
   */
  watch(run: () => void): () => void {
    this.#waiting.add(run)
    return () => this.#waiting.delete(run)
  }

  #tell(): void {
    for (const run of this.#waiting) run()
  }
}

/**
 * The requests that are under way, and those that were answered, as far as memory goes: the oldest of
 * these are forgotten first. How many are under way is bounded by whoever adds them.
 */
export class KnownKeys {
  readonly #bytesMax: number
  readonly #underWay = new Map<string, KnownKey>()
  /** The oldest first; each with what it was counted as. */
  readonly #remembered = new Map<string, { readonly known: KnownKey; readonly bytes: number }>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get rememberedBytes(): number {
    return this.#bytes
  }

  find(id: string): KnownKey | undefined {
    return this.#underWay.get(id) ?? this.#remembered.get(id)?.known
  }

  add(known: KnownKey): void {
    this.#underWay.set(known.id, known)
  }

  /** Its message was not taken, or nobody knows: it is as if it had never come. */
  remove(known: KnownKey): void {
    if (this.#underWay.get(known.id) === known) this.#underWay.delete(known.id)
    this.#forget(known.id, known)
  }

  /** It has been answered, or can be; or there is more to tell of it. */
  remember(known: KnownKey): void {
    if (this.#underWay.get(known.id) === known) this.#underWay.delete(known.id)
    else if (this.#remembered.get(known.id)?.known !== known) return
    this.#forget(known.id, known)
    const { bytes } = known
    this.#remembered.set(known.id, { known, bytes })
    this.#bytes += bytes
    for (const [id, { known: oldest }] of this.#remembered) {
      if (this.#bytes <= this.#bytesMax) break
      this.#forget(id, oldest)
      // Whoever watches it can't be told any more.
      if (oldest.status.status !== 'ended') oldest.fail(undefined)
    }
  }

  #forget(id: string, known: KnownKey): void {
    const entry = this.#remembered.get(id)
    if (entry?.known !== known) return
    this.#remembered.delete(id)
    this.#bytes -= entry.bytes
  }
}
