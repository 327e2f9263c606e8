import { InvalidArgumentError, SemelError, toError } from '../core/errors.js'
import { formOf, isTaggedObject, type Form } from './carried.js'
import type { Memory } from './memory.js'
import { Shapes, Site, type Shape, type ShapeStore } from './shapes.js'
import { TooLong, UnfitValue } from './unfit.js'
import { firstRecord, Writer } from './writer.js'

/** A message may be nested so deep; what goes in circles would never end. */
const depthMax = 512

/** From the 33rd on a shared shape's number takes a second byte. */
const oneByteShapes = 32

const prototypeOf = Object.getPrototypeOf
const hasOwn = Object.prototype.hasOwnProperty
const dateTime = Date.prototype.getTime
const mapEntries = Map.prototype.entries

/**
 * Values → MessagePack as msgpackr reads it, with records (docs/reference/values.md says what is carried).
 *
 * Every object is walked once, and each of its members is asked once: what a getter or a proxy answers
 * is what is written. What can't be carried exactly is refused.
 */
export class Encoder {
  readonly #out: Writer
  readonly #shapes: Shapes
  readonly #root = new Site()
  /** Of objects inside of those that carry their names. */
  readonly #elsewhere = new Site()
  #isBusy = false

  constructor(memory: Memory, store?: ShapeStore) {
    this.#out = new Writer(memory)
    this.#shapes = new Shapes(store)
  }

  /** Whether a value is being written: its getters may call anything. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /**
   * Writes a value into the memory, which grows where it must; where it ends.
   * @throws UnfitValue where it can't be carried
   * @throws TooLong where it takes more than `bytesMax`
   * @throws SemelError where a new shape can't be kept, or a getter sends another message
   */
  encode(value: unknown, at: number, bytesMax: number): number {
    if (this.#isBusy) {
      throw new InvalidArgumentError(
        'message: it is sent while another one is being encoded, from inside of a getter or a proxy; send it afterwards',
      )
    }
    this.#isBusy = true
    this.#out.begin(at, bytesMax)
    try {
      this.#value(value, this.#root, 0)
      return this.#out.end()
    } finally {
      this.#isBusy = false
    }
  }

  #value(value: unknown, site: Site, depth: number): void {
    const out = this.#out
    out.next()
    switch (typeof value) {
      case 'string':
        out.text(value)
        return
      case 'number':
        out.number(value)
        return
      case 'boolean':
        out.byte(value ? 0xc3 : 0xc2)
        return
      case 'object':
        if (value === null) out.byte(0xc0)
        else this.#any(value, site, depth)
        return
      case 'undefined':
        out.nothing()
        return
      case 'bigint':
        out.bigint(value)
        return
      case 'symbol':
        throw new UnfitValue("a symbol can't be carried; give its description")
      case 'function':
        throw new UnfitValue("a function can't be carried; give data")
    }
  }

  // ---- objects ----

  #any(value: object, site: Site, depth: number): void {
    if (depth === depthMax) {
      throw new UnfitValue(
        `what is nested more than ${depthMax} deep, or goes in circles, can't be carried; give flatter data`,
      )
    }
    const prototype = prototypeOf(value) as object | null
    if (prototype === Object.prototype && isTaggedObject(value)) {
      this.#object(value, site, depth)
      return
    }
    const form = formOf(value, prototype)
    if (typeof form === 'object') throw new UnfitValue(form.why)
    this.#formed(form, value, site, depth)
  }

  #formed(form: Exclude<Form, object>, value: object, site: Site, depth: number): void {
    switch (form) {
      case 'object':
        this.#object(value, site, depth)
        return
      case 'array':
        this.#array(value as readonly unknown[], site, depth)
        return
      case 'map':
        this.#map(value as Map<unknown, unknown>, depth)
        return
      case 'date':
        this.#out.date(dateTime.call(value))
        return
      case 'bytes':
        this.#out.binary(value as Uint8Array)
        return
      case 'typed-array':
        this.#out.typedArray(value as Uint8Array)
        return
      default:
        form satisfies never
    }
  }

  /**
   * The members are written behind the shape that the last object of this place had. Where it turns out
   * to be another one, its number or names take the place of that one's in front of them.
   */
  #object(object: object, site: Site, depth: number): void {
    const start = this.#out.at
    const expected = site.last
    if (expected !== undefined) this.#shape(expected)
    const members = this.#out.at
    let shape = expected
    /** The names, once no shape of this place has them. */
    let names: string[] | undefined
    let count = 0
    let member = ''
    try {
      for (const name in object) {
        if (!hasOwn.call(object, name)) continue
        member = name
        if (names !== undefined) {
          names.push(name)
        } else if (shape === undefined || shape.keys[count] !== name) {
          const like = shape
          shape = site.next(like, count, name)
          if (shape === undefined) names = [...(like?.keys.slice(0, count) ?? []), name]
        }
        const inside = shape?.sites[count] ?? this.#elsewhere
        this.#value((object as Record<string, unknown>)[name], inside, depth + 1)
        count += 1
      }
    } catch (error) {
      throw within(error, member)
    }
    if (shape === expected && names === undefined && shape?.keys.length === count) return
    if (names === undefined && shape?.keys.length !== count) {
      const like = shape
      shape = site.ending(like, count)
      if (shape === undefined) names = like?.keys.slice(0, count) ?? []
    }
    const found = names === undefined ? (shape as Shape) : this.#shapes.of(checkedNames(names))
    if (found.shared !== undefined) site.note(found)
    this.#putInFront(found, start, members)
  }

  /** Writes a shape between `start` and the members, which move where it takes another length. */
  #putInFront(shape: Shape, start: number, members: number): void {
    const behind = this.#out.at
    this.#shape(shape)
    this.#out.moveInFront(behind, start, members)
  }

  #shape({ shared, keys }: Shape): void {
    const out = this.#out
    out.next()
    if (shared !== undefined) {
      out.byte(firstRecord + shared)
      if (shared >= oneByteShapes) out.byte(0)
      return
    }
    // fixext 2 of type `r`: the names, under a number behind those of the shared ones.
    out.byte(0xd5)
    out.byte(0x72)
    out.byte(firstRecord + oneByteShapes)
    out.byte(1)
    out.arrayHeader(keys.length)
    for (const key of keys) {
      out.next()
      out.text(key)
    }
  }

  #array(array: readonly unknown[], site: Site, depth: number): void {
    const { length } = array
    this.#out.arrayHeader(length)
    let at = 0
    try {
      for (; at < length; at++) this.#value(array[at], site, depth + 1)
    } catch (error) {
      throw within(error, at)
    }
  }

  #map(map: Map<unknown, unknown>, depth: number): void {
    // Before any getter can change it.
    const entries = [...mapEntries.call(map)] as [unknown, unknown][]
    this.#out.mapHeader(entries.length)
    let at = 0
    try {
      for (const [key, value] of entries) {
        this.#value(key, this.#elsewhere, depth + 1)
        this.#value(value, this.#elsewhere, depth + 1)
        at += 1
      }
    } catch (error) {
      throw within(error, at)
    }
  }
}

/** Names that readers would change, or that come out of no UTF-8, are refused. */
function checkedNames(names: string[]): string[] {
  for (const name of names) {
    if (name === '__proto__') {
      throw new UnfitValue("a member called __proto__ can't be carried; give it another name")
    }
    if (!name.isWellFormed()) {
      throw new UnfitValue("a member's name with half of a surrogate pair can't be carried")
    }
  }
  return names
}

/** What went wrong in a member, or what its getter threw. */
function within(error: unknown, member: string | number): unknown {
  if (error instanceof UnfitValue) return error.in(member)
  if (error instanceof TooLong || error instanceof SemelError) return error
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded')
    return error
  const why = `its getter, or a proxy, threw ${toError(error).message}`
  return new UnfitValue(why, { cause: error }).in(member)
}
