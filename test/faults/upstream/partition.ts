import type { Offset } from 'semel'
import { offsetBehind, rowsBefore, textOf } from './offsets.js'

/** Rows of a batch at most. */
const batchMax = 16

/** A partition of the group; places in it are counted in rows, and told as offsets. */
export class Partition<M> {
  readonly name: string
  readonly #number: number
  /** Of its rows, in order. */
  readonly ids: readonly number[]
  /** So many of them are there by now. */
  #put = 0
  /** So many are safe: told to be by the stream, or done by the other member. */
  safe = 0
  /** The stream has had rows up to here, of one of its lives. */
  handed = 0
  #next = 0
  /** Whose it is; undefined: nobody's. */
  holder: M | 'other' | undefined
  /** Where it is read from is told. */
  isBegun = false
  isLeaving = false
  /** It is somebody else's already, and its holder need not know. */
  isLost = false

  constructor(number: number, ids: readonly number[]) {
    this.name = `partition ${number}`
    this.#number = number
    this.ids = ids
  }

  get isDone(): boolean {
    return this.safe === this.ids.length
  }

  get state(): string {
    const whose =
      this.holder === undefined ? 'nobody' : this.holder === 'other' ? 'other' : 'stream'
    const { name, safe, ids, isBegun, isLeaving } = this
    const how = `${isBegun ? 'begun' : 'not begun'}${isLeaving ? ', leaving' : ''}`
    return `${name} of ${whose} (${how}): ${safe} of ${ids.length} safe, ${this.#next} given`
  }

  get isReady(): boolean {
    return this.isBegun && !this.isLeaving && this.#next < this.#put
  }

  put(share: number): void {
    this.#put += Math.ceil((this.ids.length - this.#put) * share)
  }

  give(to: M | 'other' | undefined): void {
    this.holder = to
    this.isBegun = false
    this.isLeaving = false
    this.isLost = false
  }

  /** From where it is given: as it goes over the wire. */
  get place(): readonly [string, string] {
    return [this.name, this.#offset(this.safe)]
  }

  /** @returns what is wrong with it */
  begin(from: Offset): string | undefined {
    const rows = rowsBefore(from, this.#number)
    if (rows !== undefined) this.handed = Math.max(this.handed, rows)
    if (rows === undefined || rows < this.safe || rows > this.ids.length) {
      return `${this.name} is to be read from ${from}, and ${this.#offset(this.safe)} is safe`
    }
    this.#next = rows
    this.isBegun = true
    return undefined
  }

  /** The next rows: ids, each with the offset behind it. */
  next(): (readonly [number, string])[] {
    const from = this.#next
    this.#next = Math.min(from + batchMax, this.#put)
    this.handed = Math.max(this.handed, this.#next)
    return this.ids
      .slice(from, this.#next)
      .map((id, i) => [id, this.#offset(from + i + 1)] as const)
  }

  /** @returns what is wrong with it */
  told(offset: Offset): string | undefined {
    const rows = rowsBefore(offset, this.#number)
    if (rows === undefined || rows < this.safe || rows > this.handed) {
      const known = `${this.#offset(this.safe)} is, and ${this.#offset(this.handed)} was given`
      return `${offset} of ${this.name} was told safe, where ${known}`
    }
    this.safe = rows
    return undefined
  }

  /** The next rows go to the other member, which is done with them at once. */
  take(count: number): { readonly id: number; readonly wasHanded: boolean }[] {
    const from = this.safe
    this.safe = Math.min(from + count, this.#put)
    return this.ids.slice(from, Math.max(from, this.safe)).map((id, i) => ({
      id,
      wasHanded: from + i < this.handed,
    }))
  }

  #offset(rows: number): string {
    return textOf(offsetBehind(rows, this.#number))
  }
}
