import { InvalidArgumentError, SemelError } from '../core/errors.js'
import { asOffset, type Offset } from '../core/offset.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import type {
  Place,
  ReplayableContext,
  ReplayableConnection,
  ReplayableSource,
  RevokedOptions,
} from '../core/replayable-source.js'
import type { SourceBatch } from '../core/source.js'

/** A call of a connection that a fault may strike. */
export type PartitionsCall = 'connect' | 'read' | 'safe'

/** `before`: the call throws and has done nothing; `after`: it has done what it does, and throws. */
export type PartitionsFault = 'before' | 'after' | undefined

export interface MemoryPartitionsOptions {
  /**
   * Rows of a batch at most, 1…65,536.
   * @default 16
   */
  batch?: number
  /**
   * The offset behind the row with this index; it grows with it.
   * @default the index + 1
   */
  offset?: (index: number) => Offset
  /**
   * Whether its connections want to be told what is safe.
   * @default true
   */
  safe?: boolean
  /** Asked at each call what is to go wrong with it; a connection that it strikes is lost. */
  fault?: (call: PartitionsCall) => PartitionsFault
  /** Called with each place that a member tells safe; what it throws counts as a broken contract. */
  onSafe?: (place: Place) => void
}

export interface MoveOptions extends RevokedOptions {
  /** The number of the member that is to have it. @default the next one that is connected */
  to?: number
}

/** What partitions in memory are looked at and steered by. */
export interface MemoryPartitions<T> {
  /** A member of the group: what it has others do not have. */
  member(): ReplayableSource<T>
  /** Behind the rows that are there; a partition begins with its first. */
  put(partition: string, ...rows: readonly T[]): void
  /** Nothing more will be put: a reading ends once all rows are safe, or given where nobody tells. */
  end(): void
  /** Takes a partition from the member that has it, and gives it to another; resolves when that has it. */
  move(partition: string, options?: MoveOptions): Promise<void>
  /** Loses the connections of all members. */
  cut(): void
  /** The rows before this one are deleted: who asks for them is told that they are gone. */
  trim(partition: string, index: number): void
  /** Up to where each partition is safe. */
  readonly safe: ReadonlyMap<string, Offset>
  /** How the contract was broken; the reading at fault has ended with it. */
  readonly violations: readonly string[]
  /** How often a row was given, copies included. */
  readonly given: number
}

/**
 * A replayable source in memory, for tests: partitions that a group of members shares. Each is read by
 * one of them at a time, from where it was told to be safe; it moves on request, and where members
 * come and go. It fails loudly where it is told something that can't be.
 * @example
 * const trades = memoryPartitions()
 * trades.put('a', { id: 1 }, { id: 2 })
 * trades.end()
 * await stream.consume(trades.member())
 * @throws InvalidArgumentError
 */
export function memoryPartitions<T>(options: MemoryPartitionsOptions = {}): MemoryPartitions<T> {
  const given = checkOptions<MemoryPartitionsOptions>(options, 'memoryPartitions', [
    'batch',
    'offset',
    'safe',
    'fault',
    'onSafe',
  ])
  const batch = wholeNumber(given.batch ?? 16, 'memoryPartitions.batch', 1, 65_536)
  for (const name of ['offset', 'fault', 'onSafe'] as const) {
    const one = given[name]
    if (one === undefined || typeof one === 'function') continue
    throw new InvalidArgumentError(`memoryPartitions.${name}: ${shown(one)} is not a function`)
  }
  const { safe, offset, fault, onSafe } = given as MemoryPartitionsOptions
  return new Group<T>({
    batch,
    safe: safe ?? true,
    offset: offset ?? ((index) => index + 1),
    fault: fault ?? (() => undefined),
    onSafe: onSafe ?? (() => {}),
  })
}

interface Partition<T> {
  readonly name: string
  readonly rows: T[]
  /** Rows below this index are deleted. */
  first: number
  safe: Offset
  owner: Member | undefined
  /** Who has it, or is to have it. */
  goesTo: Member | undefined
  /** The index of the next row that is given to its owner. */
  next: number
  /** The highest index that was ever given, and one. */
  given: number
  /** One move at a time. */
  moving: Promise<void>
}

/** A connection. */
interface Member {
  readonly number: number
  readonly context: ReplayableContext
  isLost: boolean
}

class Group<T> implements MemoryPartitions<T> {
  readonly violations: string[] = []
  given = 0
  readonly #options: Required<MemoryPartitionsOptions>
  readonly #partitions = new Map<string, Partition<T>>()
  readonly #connected = new Set<Member>()
  #members = 0
  #waking: (() => void)[] = []
  #isEnded = false

  constructor(options: Required<MemoryPartitionsOptions>) {
    this.#options = options
  }

  get safe(): ReadonlyMap<string, Offset> {
    return new Map([...this.#partitions.values()].map(({ name, safe }) => [name, safe]))
  }

  member(): ReplayableSource<T> {
    const number = this.#members++
    return Object.freeze({
      name: `memory partitions, member ${number}`,
      kind: 'replayable' as const,
      connect: (context: ReplayableContext) => this.#connect({ number, context, isLost: false }),
    })
  }

  put(name: string, ...rows: readonly T[]): void {
    let partition = this.#partitions.get(name)
    if (partition === undefined) {
      const moving = Promise.resolve()
      const nobody = { owner: undefined, goesTo: undefined }
      partition = { name, rows: [], first: 0, safe: 0, ...nobody, next: 0, given: 0, moving }
      this.#partitions.set(name, partition)
      this.#distribute()
    }
    partition.rows.push(...rows)
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  trim(name: string, index: number): void {
    const partition = this.#partitions.get(name)
    if (partition !== undefined) partition.first = Math.max(partition.first, index)
  }

  cut(): void {
    for (const member of this.#connected) member.isLost = true
    this.#wake()
  }

  async move(name: string, { to, ...options }: MoveOptions = {}): Promise<void> {
    const partition = this.#partitions.get(name)
    if (partition === undefined)
      throw new InvalidArgumentError(`move: there is no partition ${name}`)
    await this.#move(partition, () => this.#next(partition, to), options)
  }

  #connect(member: Member): ReplayableConnection<T> {
    return this.#call(member, 'connect', () => {
      this.#connected.add(member)
      this.#distribute()
      const connection: ReplayableConnection<T> = {
        read: () => this.#read(member),
        close: () => this.#close(member),
      }
      if (!this.#options.safe) return connection
      return {
        ...connection,
        safe: (places) => this.#call(member, 'safe', () => this.#told(member, places)),
      }
    })
  }

  async #close(member: Member): Promise<void> {
    this.#connected.delete(member)
    const own = this.#of(member)
    await member.context.revoked(
      own.map(({ name }) => name),
      { lost: true },
    )
    for (const partition of own) {
      if (partition.owner === member) partition.owner = undefined
      if (partition.goesTo === member) partition.goesTo = undefined
    }
    this.#distribute()
  }

  async *#read(member: Member): AsyncGenerator<SourceBatch<T>> {
    let turn = 0
    while (!member.context.signal.aborted) {
      const batch = this.#call(member, 'read', () => this.#nextBatch(member, turn++))
      if (batch !== undefined) yield batch
      else if (this.#isOver) return
      else await this.#changed(member)
    }
  }

  /** The next batch of one of its partitions, each in its turn. */
  #nextBatch(member: Member, turn: number): SourceBatch<T> | undefined {
    const ready = this.#of(member).filter(({ next, rows }) => next < rows.length)
    const partition = ready[turn % Math.max(1, ready.length)]
    if (partition === undefined) return undefined
    const { name, next, first } = partition
    if (next < first) {
      throw new SemelError(
        'SEMEL_SOURCE_GONE',
        `the rows of ${name} before ${first} are deleted, and ${next} is the next one; reset the stream to a place that is there`,
      )
    }
    const end = Math.min(next + this.#options.batch, partition.rows.length)
    const rows = partition.rows
      .slice(next, end)
      .map((message, i) => ({ message, offset: this.#offset(next + i + 1) }))
    partition.next = end
    partition.given = Math.max(partition.given, end)
    this.given += rows.length
    return {
      partition: name,
      rows,
      offset: this.#offset(end),
      size: this.#offset(partition.rows.length),
    }
  }

  /** Behind so many rows. */
  #offset(rows: number): Offset {
    return rows === 0 ? 0 : (asOffset(this.#options.offset(rows - 1)) as Offset)
  }

  /** Whether all that was put is done. */
  get #isOver(): boolean {
    if (!this.#isEnded) return false
    return [...this.#partitions.values()].every(({ rows, safe, next }) =>
      this.#options.safe ? safe >= this.#offset(rows.length) : next >= rows.length,
    )
  }

  #told(member: Member, places: readonly Place[]): void {
    for (const place of places) {
      const partition = this.#partitions.get(place.partition)
      const wrong = this.#wrongIn(member, place, partition)
      if (wrong !== undefined) throw this.#violated(`${JSON.stringify(place.partition)}: ${wrong}`)
      try {
        this.#options.onSafe(place)
      } catch (error) {
        throw this.#violated(`${JSON.stringify(place.partition)}: ${(error as Error).message}`)
      }
      ;(partition as Partition<T>).safe = place.offset
    }
    this.#wake()
  }

  #wrongIn(
    member: Member,
    { offset }: Place,
    partition: Partition<T> | undefined,
  ): string | undefined {
    if (partition === undefined) return 'there is no such partition'
    if (asOffset(offset) !== offset) return `${String(offset)} is no offset in its one form`
    if (partition.owner !== member) return `${offset} was told safe by one that does not have it`
    if (offset < partition.safe) return `${offset} was told safe behind ${partition.safe}`
    const end = this.#offset(partition.given)
    return offset > end ? `${offset} was told safe, and ${end} was given` : undefined
  }

  #violated(what: string): SemelError {
    this.violations.push(what)
    return new SemelError('SEMEL_SOURCE', what)
  }

  #of(member: Member): Partition<T>[] {
    return [...this.#partitions.values()].filter(({ owner }) => owner === member)
  }

  /** Gives those that nobody has to the members that have fewest, and takes of those that have more. */
  #distribute(): void {
    for (const partition of this.#partitions.values()) {
      this.#move(partition, () => this.#fair(partition), {}).catch(() => {})
    }
  }

  /** Who is to have it: whoever has it, unless another has two fewer. */
  #fair(partition: Partition<T>): Member | undefined {
    const all = [...this.#partitions.values()]
    const count = (member: Member): number => all.filter(({ goesTo }) => goesTo === member).length
    const least = [...this.#connected]
      .filter(({ isLost }) => !isLost)
      .toSorted((a, b) => count(a) - count(b))[0]
    const { owner } = partition
    if (owner === undefined || least === undefined) return owner ?? least
    return count(owner) - count(least) >= 2 ? least : owner
  }

  #next({ owner }: Partition<T>, to: number | undefined): Member | undefined {
    const members = [...this.#connected]
    if (to !== undefined) return members.find(({ number }) => number === to) ?? owner
    const at = owner === undefined ? -1 : members.indexOf(owner)
    return members[(at + 1) % Math.max(1, members.length)]
  }

  #move(
    partition: Partition<T>,
    choose: () => Member | undefined,
    options: RevokedOptions,
  ): Promise<void> {
    const moved = partition.moving.then(async () => {
      const { name, owner } = partition
      const to = choose()
      partition.goesTo = to
      if (to === owner && (to === undefined || Object.keys(options).length === 0)) return
      if (owner !== undefined) {
        const gone = owner.context.revoked([name], options)
        // Where it is lost, the other has it already.
        if (options.lost !== true || to === owner) await gone
        else partition.owner = undefined
        if (partition.owner === owner) partition.owner = undefined
      }
      if (to !== undefined) await this.#give(partition, to)
    })
    partition.moving = moved.catch(() => {})
    return moved
  }

  async #give(partition: Partition<T>, to: Member): Promise<void> {
    if (!this.#connected.has(to)) return
    const { name, safe } = partition
    const [place] = await to.context.assigned([{ partition: name, offset: safe }])
    if (place === undefined || !this.#connected.has(to)) return
    partition.next = this.#indexOf(partition, place.offset)
    partition.owner = to
    this.#wake()
  }

  #indexOf({ rows, name }: Partition<T>, offset: Offset): number {
    for (let index = 0; index <= rows.length; index++) {
      if (this.#offset(index) === offset) return index
      if (this.#offset(index) > offset) break
    }
    throw this.#violated(
      `${JSON.stringify(name)} is to be read from ${offset}, which is none of its offsets`,
    )
  }

  #call<R>(member: Member, name: PartitionsCall, run: () => R): R {
    if (member.isLost) throw new Error('the connection is lost')
    const when = this.#options.fault(name)
    const answer = when === 'before' ? undefined : run()
    if (when === undefined) return answer as R
    member.isLost = true
    this.#connected.delete(member)
    throw new Error(`the connection is lost ${when} ${name}`)
  }

  #wake(): void {
    for (const wake of this.#waking.splice(0)) wake()
  }

  /** Until something is put, told, moved or lost, or the signal is given. */
  #changed({ context: { signal } }: Member): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waking.push(done)
      signal.addEventListener('abort', done)
    })
  }
}
