import { messagesOf, type Case } from './case.js'
import { expectedOf, type Expected } from './expected.js'
import type { LetterSeen, Observation, Seen } from './observations.js'

/** What is wrong: the check that says so, and about what. */
export interface Finding {
  readonly check: string
  readonly text: string
}

type Door = Extract<Observation, { door: number }> & { readonly life: number }

/** What the sink was given, and in which life. */
export type Effect = Seen & { readonly life: number }

/** What is known of one message of a case. */
export interface Fate {
  readonly expected: Expected
  readonly doors: Door[]
  readonly arrivals: Seen[]
  readonly effects: Effect[]
  letters: LetterSeen[]
  isRetried: boolean
  isDropped: boolean
}

const places = [
  'processed',
  'filtered',
  'duplicate',
  'late',
  'deadLettered',
  'dropped',
  'parked',
  'inFlight',
]

/** What became of each message of a case, gathered from what was told; findings that need no more. */
export class Fates {
  readonly findings: Finding[] = []
  readonly all: ReadonlyMap<number, Fate>
  /** Of bare messages what arrived is known by its place. */
  readonly byPlace = new Map<string, Seen>()
  readonly #case: Case
  #life = 0
  #malformedLetters = 0
  #isMalformedDropped = false
  #effects: Effect[] = []

  constructor(given: Case, observations: readonly Observation[]) {
    this.#case = given
    this.all = new Map(
      [...messagesOf(given)].map(([n, message]) => [
        n,
        {
          expected: expectedOf(message, given),
          doors: [],
          arrivals: [],
          effects: [],
          letters: [],
          isRetried: false,
          isDropped: false,
        },
      ]),
    )
    for (const one of observations) this.#gather(one)
    for (const effect of this.#effects) this.of(effect)?.effects.push(effect)
  }

  /** How many lives there were. */
  get lives(): number {
    return this.#life
  }

  get malformedLetters(): number {
    return this.#malformedLetters
  }

  get isMalformedDropped(): boolean {
    return this.#isMalformedDropped
  }

  /** In their order, without those that were cut away. */
  get effects(): readonly Effect[] {
    return this.#effects
  }

  of({ n }: { n?: number }): Fate | undefined {
    return n === undefined ? undefined : this.all.get(n)
  }

  #gather(one: Observation): void {
    if ('door' in one) this.#told(one)
    else if ('life' in one) this.#life = one.life
    else if ('arrived' in one) {
      this.of(one)?.arrivals.push(one)
      this.byPlace.set(this.#place(one), one)
    } else if ('effect' in one) this.#effects.push({ ...one, life: this.#lifeOfPlaces })
    else if ('rewound' in one) this.#rewind(one.shard, one.rewound)
    else if ('fault' in one) this.#find(one.fault, one.text)
    else if ('ended' in one) this.#ended(one.ended, one.letter)
    else if ('letters' in one) this.#lettersAre(one.letters)
    else if ('counters' in one) this.#checkBalanced(one)
  }

  #told(one: Extract<Observation, { door: number }>): void {
    this.all.get(one.door)?.doors.push({ ...one, life: this.#lifeOfPlaces })
  }

  #place({ shard, sequence }: Seen): string {
    return `${this.#lifeOfPlaces}:${shard}:${sequence}`
  }

  /** In memory sequences begin anew in each life. */
  get #lifeOfPlaces(): number {
    return this.#case.setting.durability === 'memory' ? this.#life : 0
  }

  #rewind(shard: number, place: number): void {
    let count = 0
    this.#effects = this.#effects.filter((effect) => effect.shard !== shard || count++ < place)
  }

  #ended(how: 'retry' | 'drop', letter: LetterSeen): void {
    if (letter.isMalformed) this.#isMalformedDropped = true
    const fate = this.of(letter)
    if (fate === undefined) return
    if (how === 'retry') fate.isRetried = true
    else fate.isDropped = true
  }

  /** As they are at the end of the last life. */
  #lettersAre(letters: readonly LetterSeen[]): void {
    for (const fate of this.all.values()) fate.letters = []
    this.#malformedLetters = 0
    for (const letter of letters) {
      if (letter.isMalformed) this.#malformedLetters += 1
      this.of(letter)?.letters.push(letter)
      if (letter.history === 0 || letter.reason === '') {
        this.#find('reason', `the letter of ${letter.n} does not say why`)
      }
    }
  }

  #checkBalanced({ counters, isDrained }: Extract<Observation, { counters: object }>): void {
    const sum = places.reduce((total, name) => total + (counters[name] ?? 0), 0)
    if (sum !== counters['stored']) this.#find('counters', JSON.stringify(counters))
    if (isDrained && (counters['inFlight'] !== 0 || counters['parked'] !== 0)) {
      this.#find('drained', JSON.stringify(counters))
    }
  }

  #find(check: string, text: string): void {
    this.findings.push({ check, text: text.slice(0, 600) })
  }
}
