import { tallies, type Letter, type Tally, type Word } from './job.js'

/** One sending of a message. Outcomes are ok, fail or unknown, and never folded. */
export interface Copy {
  readonly id: number
  readonly life: number
  state: 'ok' | 'fail' | 'unknown'
  /** Of one that was acknowledged. */
  shard: number
  sequence: number
  /** Where its sender was told that as well. */
  outcome?: string
}

export interface Life {
  /** The number of its first copy. */
  readonly first: number
  readonly words: ReadonlySet<Word>
  /** What stood in the directory when it was opened. */
  readonly opened: Tally | undefined
  /** The last counters that it told, by shard. */
  readonly counters: readonly Tally[]
  readonly closed: readonly Tally[] | undefined
  /** What stood on disk behind its end, and as another opening found it; only over a database. */
  readonly reopened: readonly Tally[] | undefined
  readonly letters: readonly Letter[]
  readonly broken: string | undefined
  /** Copies that were sent when the counters were told. */
  readonly end: number
}

/**
 * What the senders were told, over all lives of a case. It is made from their lines alone, and outlives
 * them. Copies are numbered in the order in which they were sent.
 */
export class Ledger {
  readonly copies: Copy[] = []
  readonly lives: Life[] = []
  /** Id → its copies, oldest first. */
  readonly byId = new Map<number, number[]>()
  /** Whether the last life has read the sources to their ends, as they were then. */
  consumed = false

  /** Takes the lines of the next life. A last line that has no end is none. */
  add(text: string): Life {
    const first = this.copies.length
    const life = {
      first,
      words: new Set<Word>(),
      opened: undefined as Tally | undefined,
      counters: [] as Tally[],
      closed: undefined as Tally[] | undefined,
      reopened: undefined as Tally[] | undefined,
      letters: [] as Letter[],
      broken: undefined as string | undefined,
      end: first,
    }
    const number = this.lives.length
    this.consumed = false
    for (const line of text.split('\n').slice(0, -1)) {
      const space = line.indexOf(' ')
      const word = line.slice(0, space) as Word
      const rest = line.slice(space + 1)
      life.words.add(word)
      switch (word) {
        case 'send':
          for (const id of rest.split(' ')) this.#send(Number(id), number)
          break
        case 'ok':
          for (const receipt of rest.split(' ')) this.#receive(first, receipt)
          break
        case 'fail':
          this.#copy(first, Number(rest.split(' ')[0])).state = 'fail'
          break
        case 'drained':
          for (const copy of this.copies.slice(first, first + Number(rest))) {
            if (copy.state === 'unknown') copy.state = 'ok'
          }
          break
        case 'opened':
          life.opened = parseTallies(rest)[0]
          break
        case 'counters':
          life.counters = parseTallies(rest)
          break
        case 'closed':
          life.closed = parseTallies(rest)
          break
        case 'reopened':
          life.reopened = parseTallies(rest)
          break
        case 'letter':
          life.letters.push(JSON.parse(rest) as Letter)
          break
        case 'consumed':
          this.consumed = true
          break
        case 'broken':
          life.broken = rest
          break
        case 'unread':
        case 'opening':
        case 'closing':
          break
        default:
          throw new Error(`a child told ${JSON.stringify(line)}, which is no line of the ledger`)
      }
    }
    life.end = this.copies.length
    this.lives.push(life)
    return life
  }

  /** The first id that was never sent. */
  get nextId(): number {
    return this.#nextId
  }
  #nextId = 0

  /** Ids of the last life's messages whose fate is unknown, in the order of sending; some at most. */
  unknownIds(most: number): number[] {
    const { first } = this.lives.at(-1) as Life
    const ids = this.copies
      .slice(first)
      .filter(({ state }) => state === 'unknown')
      .map(({ id }) => id)
    return [...new Set(ids)].slice(0, most)
  }

  acknowledged(): number {
    return this.copies.reduce((sum, { state }) => sum + (state === 'ok' ? 1 : 0), 0)
  }

  #send(id: number, life: number): void {
    const copies = this.byId.get(id)
    if (copies === undefined) this.byId.set(id, [this.copies.length])
    else copies.push(this.copies.length)
    this.copies.push({ id, life, state: 'unknown', shard: -1, sequence: 0 })
    if (id >= this.#nextId) this.#nextId = id + 1
  }

  #receive(first: number, receipt: string): void {
    const [number, shard, sequence, outcome] = receipt.split(':')
    const copy = this.#copy(first, Number(number))
    copy.state = 'ok'
    copy.shard = Number(shard)
    copy.sequence = Number(sequence)
    if (outcome !== undefined) copy.outcome = outcome
  }

  #copy(first: number, number: number): Copy {
    const copy = this.copies[first + number]
    if (copy === undefined) throw new Error(`a child told of copy ${number} before it sent it`)
    return copy
  }
}

function parseTallies(text: string): Tally[] {
  return (JSON.parse(text) as number[][]).map(
    (shard) => Object.fromEntries(tallies.map((name, i) => [name, shard[i]])) as unknown as Tally,
  )
}
