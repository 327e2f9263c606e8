import { idsOf, partitionOfRow } from '../messages.js'
import type { Random } from '../random.js'
import type { Setting } from '../setting.js'
import { offsetOf } from './offsets.js'
import { Partition } from './partition.js'
import type { Line, Wire } from './wire.js'

/** Rows that the other member takes at a time, at most. */
const takenMax = 60
/** Moves of the last life: it has to come to an end. */
const lastMoves = 6

type SentPlace = readonly [partition: string, offset: string]

/** A connection of the stream's. */
interface Member {
  readonly wire: Wire
  /** Batches that it waits for. */
  wants: number
  /** By partition: what is to be known when it has gone. */
  readonly leaving: Map<string, () => void>
}

/**
 * A group of two members. The stream is one, through all of its lives; the other is here: now and then
 * partitions are revoked, by its leave or not, it takes some rows of each from where it was told to be
 * safe, and gives them back.
 */
export class UpstreamGroup {
  /** How the stream has broken the contract. */
  readonly violations: string[] = []
  /** What the other member has taken. */
  readonly taken = new Set<number>()
  /**
   * Of that, what had an effect of the stream's already, though nobody was told that it was safe; or
   * what may have one, where nobody has waited until it was given up.
   */
  readonly shared = new Set<number>()
  readonly #partitions: readonly Partition<Member>[]
  readonly #random: Random
  readonly #effects: () => ReadonlySet<number>
  #member: Member | undefined
  #isLast = false
  #movesLeft = Infinity

  /** @param effects the ids that the stream's sink holds now */
  constructor(setting: Setting, random: Random, effects: () => ReadonlySet<number>) {
    const ids = idsOf('group', setting)
    this.#partitions = Array.from(
      { length: setting.partitions },
      (_, number) =>
        new Partition<Member>(
          number,
          ids.filter((id) => partitionOfRow(setting, id) === number),
        ),
    )
    this.#random = random
    this.#effects = effects
  }

  get isDone(): boolean {
    return this.#partitions.every(({ isDone }) => isDone)
  }

  /** Rows that the stream has told to be safe. */
  get safeRows(): number {
    return this.#partitions.reduce((sum, { safe }) => sum + safe, 0) - this.taken.size
  }

  /** Where it stands, in words. */
  get state(): string {
    return this.#partitions.map((one) => one.state).join(', ')
  }

  /** Before a life, while nobody reads: a share of the rows comes, and the other member may take some. */
  put(share: number): void {
    for (const partition of this.#partitions) {
      if (this.#random.chance(0.2)) this.#take(partition, true)
      partition.put(share)
    }
    this.#isLast = share >= 1
    if (this.#isLast) this.#movesLeft = lastMoves
  }

  /** Begins a connection; what answers its lines. */
  join(wire: Wire): (line: Line) => void {
    const member: Member = { wire, wants: 0, leaving: new Map() }
    this.#member = member
    void wire.over.then(() => this.#lose(member))
    this.#distribute()
    void this.#steer(member)
    return (line) => this.#hear(member, line)
  }

  #hear(member: Member, line: Line): void {
    switch (line['name']) {
      case 'more':
        member.wants += 1
        break
      case 'begun':
        for (const [name, offset] of line['places'] as SentPlace[]) {
          const partition = this.#find(name)
          if (partition.holder !== member) continue
          const wrong = partition.begin(offsetOf(offset))
          // It was taken away while this was on its way: the other member may be further by now.
          if (!partition.isLeaving) this.#note(wrong)
        }
        break
      case 'safe':
        for (const [name, offset] of line['places'] as SentPlace[]) {
          this.#told(member, this.#find(name), offset)
        }
        member.wire.answer(line)
        break
      case 'gone':
        for (const name of line['partitions'] as string[]) member.leaving.get(name)?.()
        break
      default:
        this.violations.push(`the stream says ${JSON.stringify(line)}`)
    }
    this.#pump()
  }

  #told(member: Member, partition: Partition<Member>, offset: string): void {
    // On its way when it was taken away.
    if (partition.isLost) return
    if (partition.holder === member) this.#note(partition.told(offsetOf(offset)))
    else this.#note(`${offset} of ${partition.name} was told safe, which had been let go`)
  }

  #note(wrong: string | undefined): void {
    if (wrong !== undefined) this.violations.push(wrong)
  }

  #find(name: string): Partition<Member> {
    return this.#partitions.find((one) => one.name === name) as Partition<Member>
  }

  /** What nobody has goes to the stream. */
  #distribute(): void {
    const member = this.#member
    if (member === undefined || member.wire.isOver) return
    const free = this.#partitions.filter(({ holder }) => holder === undefined)
    for (const partition of free) partition.give(member)
    if (free.length > 0) {
      member.wire.send({ event: 'assign', places: free.map(({ place }) => place) })
    }
  }

  /** Gives the member what it waits for. */
  #pump(): void {
    const member = this.#member
    if (member === undefined || member.wants === 0) return
    const ready = this.#partitions.filter((one) => one.holder === member && one.isReady)
    if (ready.length > 0) {
      member.wants -= 1
      const partition = this.#random.oneOf(ready)
      member.wire.send({ event: 'rows', partition: partition.name, rows: partition.next() })
    } else if (this.#isLast && this.isDone) {
      member.wants -= 1
      member.wire.send({ event: 'end' })
    }
  }

  async #steer(member: Member): Promise<void> {
    const random = this.#random
    for (;;) {
      await sleep(random.between(5, 120))
      if (member.wire.isOver || this.#movesLeft <= 0) return
      this.#movesLeft -= 1
      const own = this.#partitions.filter((one) => one.holder === member && !one.isLeaving)
      if (random.chance(0.08)) {
        member.wire.cut()
        // The stream may still have what it was given under way.
        for (const partition of own) if (random.chance(0.5)) this.#take(partition, false)
        return
      }
      if (own.length > 0) void this.#move(member, random.chance(0.3) ? own : [random.oneOf(own)])
    }
  }

  async #move(member: Member, partitions: readonly Partition<Member>[]): Promise<void> {
    const random = this.#random
    const isLost = random.chance(0.2)
    const limits = [{}, { withinMs: 0 }, { withinMs: random.between(1, 200) }]
    const options = isLost ? { lost: true } : random.oneOf(limits)
    const names = partitions.map(({ name }) => name)
    const gone = Promise.all(
      names.map((name) => new Promise<void>((resolve) => member.leaving.set(name, resolve))),
    )
    for (const partition of partitions) {
      partition.isLeaving = true
      partition.isLost = isLost
    }
    member.wire.send({ event: 'revoke', partitions: names, options })
    if (random.chance(0.1)) {
      // There is no time any more.
      member.wire.send({ event: 'revoke', partitions: names, options: { withinMs: 0 } })
    }
    const waits = !isLost || random.chance(0.5)
    if (!waits) for (const partition of partitions) this.#take(partition, false)
    await Promise.race([gone, member.wire.over])
    if (member.wire.isOver) return
    for (const partition of partitions) {
      partition.give('other')
      // What is lost nobody waits for: a commit that is under way lands behind that.
      if (waits) this.#take(partition, !isLost)
    }
    await sleep(random.oneOf([0, 0, 5, 40]))
    for (const partition of partitions) partition.give(undefined)
    this.#distribute()
    this.#pump()
  }

  /**
   * @param isGivenUp whether nothing of it takes effect any more that has not by now: rows that the
   * sink does not hold are the other member's alone
   */
  #take(partition: Partition<Member>, isGivenUp: boolean): void {
    const random = this.#random
    const rows = partition.take(random.chance(0.3) ? 0 : random.upTo(takenMax))
    if (rows.length === 0) return
    const effects = isGivenUp ? this.#effects() : undefined
    for (const { id, wasHanded } of rows) {
      this.taken.add(id)
      if (effects === undefined ? wasHanded : effects.has(id)) this.shared.add(id)
    }
  }

  #lose(member: Member): void {
    for (const partition of this.#partitions) {
      if (partition.holder === member) partition.give(undefined)
    }
    if (this.#member === member) this.#member = undefined
    this.#distribute()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
