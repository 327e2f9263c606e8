/** The names of an object's members, in their order, and how an object of them begins. */
export class Shape {
  readonly keys: readonly string[]
  /** Its number among the shared ones; undefined: its names are written with every object. */
  readonly shared: number | undefined
  /** By member: which shapes its objects have had. */
  readonly sites: readonly Site[]

  constructor(keys: readonly string[], shared: number | undefined, sites: readonly Site[]) {
    this.keys = keys
    this.shared = shared
    this.sites = sites
  }
}

/** A site looks through so many shapes before all are asked. */
const siteShapesMax = 8

/**
 * A place in messages where objects stand, and the shapes that they had there: mostly the next one has
 * one of those too.
 */
export class Site {
  /** The one of the object that was written here last. */
  last: Shape | undefined
  readonly #shapes: Shape[] = []

  /** A shape with the same first `count` names as `like`, and this name behind them. */
  next(like: Shape | undefined, count: number, name: string): Shape | undefined {
    return this.#shapes.find(({ keys }) => keys[count] === name && startAlike(keys, like, count))
  }

  /** A shape that has the first `count` names of `like`, and no more. */
  ending(like: Shape | undefined, count: number): Shape | undefined {
    return this.#shapes.find(({ keys }) => keys.length === count && startAlike(keys, like, count))
  }

  note(shape: Shape): void {
    this.last = shape
    if (this.#shapes.includes(shape)) return
    if (this.#shapes.length === siteShapesMax) this.#shapes.shift()
    this.#shapes.push(shape)
  }
}

function startAlike(keys: readonly string[], like: Shape | undefined, count: number): boolean {
  for (let at = 0; at < count; at++) if (keys[at] !== like?.keys[at]) return false
  return true
}

/** Where the names of shared shapes are kept, so that every reader finds them. */
export interface ShapeStore {
  load: () => readonly (readonly string[])[]
  /**
   * All of them, durable when it returns: only then may a message refer to the newest.
   * @throws what keeps them from being kept; then the last one is not shared
   */
  save: (all: readonly (readonly string[])[]) => void
}

/** How many shapes are shared; objects of further ones carry their names with them. */
export const sharedShapesMax = 64
/** An object with more members is rather a table than a shape. */
const sharedKeysMax = 256

/** The shapes that an encoder knows. Those that are shared are numbered, and only grow. */
export class Shapes {
  readonly #store: ShapeStore | undefined
  readonly #all: (readonly string[])[]
  readonly #known = new Map<string, Shape>()

  /** @param store none: every object carries its names */
  constructor(store?: ShapeStore) {
    this.#store = store
    this.#all = [...(store?.load() ?? [])]
    for (const [number, keys] of this.#all.entries()) this.#add(keys, number)
  }

  /** The shape of these names; a new one is shared where there is room for it. */
  of(keys: readonly string[]): Shape {
    const known = this.#known.get(nameOf(keys))
    if (known !== undefined) return known
    if (
      this.#store === undefined ||
      this.#all.length >= sharedShapesMax ||
      keys.length > sharedKeysMax
    ) {
      return new Shape(keys, undefined, [])
    }
    const all = [...this.#all, keys]
    this.#store.save(all)
    this.#all.push(keys)
    return this.#add(keys, all.length - 1)
  }

  #add(keys: readonly string[], number: number): Shape {
    const shape = new Shape(
      keys,
      number,
      keys.map(() => new Site()),
    )
    this.#known.set(nameOf(keys), shape)
    return shape
  }
}

function nameOf(keys: readonly string[]): string {
  return JSON.stringify(keys)
}
