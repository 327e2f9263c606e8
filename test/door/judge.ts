import { messagesOf, type Case } from './case.js'
import { expectedOf, type Expected } from './expected.js'
import type { LetterSeen, Observation, Seen } from './observations.js'

/** What is wrong: the check that says so, and about what. */
export interface Finding {
  readonly check: string
  readonly text: string
}

type Door = Extract<Observation, { door: number }> & { readonly life: number }

/** What is known of one message of a case. */
interface Fate {
  readonly expected: Expected
  readonly doors: Door[]
  readonly arrivals: Seen[]
  readonly effects: (Seen & { readonly life: number })[]
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

/** Judges a case from what was told of it. */
export function judge(given: Case, observations: readonly Observation[]): Finding[] {
  return new Judge(given, observations).findings()
}

class Judge {
  readonly #case: Case
  readonly #findings: Finding[] = []
  readonly #fates: ReadonlyMap<number, Fate>
  readonly #isKilled: boolean
  readonly #observations: readonly Observation[]
  #life = 0
  /** Of bare messages what arrived is known by its place. */
  readonly #byPlace = new Map<string, Seen>()
  #malformedLetters = 0
  #malformedDropped = false
  #effects: (Seen & { readonly life: number })[] = []

  constructor(given: Case, observations: readonly Observation[]) {
    this.#case = given
    this.#observations = observations
    this.#isKilled = observations.some((one) => 'killed' in one)
    this.#fates = new Map(
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
  }

  findings(): Finding[] {
    for (const one of this.#observations) this.#gather(one)
    for (const effect of this.#effects) this.#fateOf(effect)?.effects.push(effect)
    for (const fate of this.#fates.values()) this.#checkDoor(fate)
    if (this.#findings.length > 0) return this.#findings
    if (this.#case.setting.bare) this.#checkBare()
    else this.#checkEnds()
    this.#checkOrder()
    return this.#findings
  }

  #gather(one: Observation): void {
    if ('door' in one) this.#told(one)
    else if ('life' in one) this.#life = one.life
    else if ('arrived' in one) {
      this.#fateOf(one)?.arrivals.push(one)
      this.#byPlace.set(this.#place(one), one)
    } else if ('effect' in one) this.#effects.push({ ...one, life: this.#lifeOfPlaces })
    else if ('rewound' in one) this.#rewind(one.shard, one.rewound)
    else if ('fault' in one) this.#find(one.fault, one.text)
    else if ('ended' in one) this.#ended(one.ended, one.letter)
    else if ('letters' in one) this.#lettersAre(one.letters)
    else if ('counters' in one) this.#checkBalanced(one)
  }

  #told(one: Extract<Observation, { door: number }>): void {
    this.#fates.get(one.door)?.doors.push({ ...one, life: this.#lifeOfPlaces })
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

  #fateOf({ n }: { n?: number }): Fate | undefined {
    return n === undefined ? undefined : this.#fates.get(n)
  }

  #ended(how: 'retry' | 'drop', letter: LetterSeen): void {
    if (letter.isMalformed) this.#malformedDropped = true
    const fate = this.#fateOf(letter)
    if (fate === undefined) return
    if (how === 'retry') fate.isRetried = true
    else fate.isDropped = true
  }

  /** As they are at the end of the last life. */
  #lettersAre(letters: readonly LetterSeen[]): void {
    for (const fate of this.#fates.values()) fate.letters = []
    this.#malformedLetters = 0
    for (const letter of letters) {
      if (letter.isMalformed) this.#malformedLetters += 1
      this.#fateOf(letter)?.letters.push(letter)
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

  #checkDoor({ expected, doors }: Fate): void {
    const { message, fate } = expected
    const what = this.#described(expected)
    for (const { how, code, text } of doors) {
      if (how === 'refused') {
        const isCoded = code === 'SEMEL_INVALID_ARGUMENT' || code === 'SEMEL_TOO_LARGE'
        if (!isCoded) this.#find('no reason', `${what}: ${code} ${text}`)
        if (fate === 'carried') this.#find('refused', `${what}: ${text}`)
      }
      if (how === 'taken' && fate === 'refused' && !this.#isRow(message.n)) {
        this.#find('taken', `${what} should be refused`)
      }
      if (how === 'unknown' && !this.#isKilled) this.#find('unknown', what)
    }
  }

  #checkBare(): void {
    for (const { expected, doors } of this.#fates.values()) {
      for (const { how, shard, sequence, life } of doors) {
        if (how !== 'taken' || sequence === undefined) continue
        const seen = this.#byPlace.get(`${life}:${shard}:${sequence}`)
        if (seen === undefined) {
          if (!this.#isKilled) this.#find('lost', this.#described(expected))
        } else this.#checkText(expected, seen.text)
      }
    }
  }

  #checkEnds(): void {
    this.#checkRows()
    const classes = new Map<string, Fate[]>()
    for (const fate of this.#fates.values()) {
      const { expected, arrivals, effects, letters } = fate
      for (const { text } of [...arrivals, ...letters]) this.#checkText(expected, text)
      for (const { text } of effects) this.#checkText(expected, text)
      const copies = expected.identity ?? `alone ${expected.message.n}`
      classes.set(copies, [...(classes.get(copies) ?? []), fate])
    }
    for (const fates of classes.values()) this.#checkCopies(fates)
  }

  /** A row that the door refuses is a dead letter. */
  #checkRows(): void {
    const { delivery } = this.#case.setting
    if (delivery === 'at-most-once' || this.#malformedDropped) return
    const refused = [...this.#fates.values()].filter(
      ({ expected, doors }) =>
        expected.fate === 'refused' &&
        this.#isRow(expected.message.n) &&
        doors.some(({ how }) => how === 'taken'),
    )
    if (refused.length > this.#malformedLetters) {
      const what = refused.map(({ expected }) => this.#described(expected)).join(' and ')
      this.#find('no letter', `${this.#malformedLetters} of refused rows for ${what}`)
    }
  }

  /** Messages that are copies of each other: one of them has its effect. */
  #checkCopies(all: readonly Fate[]): void {
    const { delivery } = this.#case.setting
    const taken = all.filter(
      ({ doors, expected }) =>
        doors.some(({ how }) => how === 'taken') && expected.fate !== 'refused',
    )
    const repeats = all.flatMap(({ effects }) => effects)
    const placesOf = new Set(
      repeats.map(({ life, shard, sequence }) => `${life}:${shard}:${sequence}`),
    )
    const what = all.map(({ expected }) => this.#described(expected)).join(' and ')
    const sentAgain = all.some(({ isRetried }) => isRetried)
    const isEither = all.some(
      ({ expected }) => expected.end === 'either' || expected.fate === 'either',
    )
    const effectsMax =
      this.#isKilled && delivery === 'at-least-once' && this.#case.setting.identified === false
        ? Infinity
        : 1
    if (placesOf.size > effectsMax * this.#strangers(all) && !sentAgain) {
      this.#find('twice', `${what}: ${repeats.length} effects at ${[...placesOf].join()}`)
    }
    if (!this.#isKilled && repeats.length > placesOf.size && !isEither) {
      this.#find('twice', `${what}: ${repeats.length} effects at ${[...placesOf].join()}`)
    }
    if (delivery === 'at-most-once') {
      for (const { expected, arrivals } of all) {
        if (arrivals.length > 1)
          this.#find('repeated', `${this.#described(expected)}: at most once`)
      }
      if (this.#isKilled) return
    }
    if (taken.length === 0 || isEither) return
    // A dead letter stands for its copies too: whoever sends it again has its effect.
    const isInLetter = all.some(
      ({ letters, isDropped, isRetried }) => letters.length > 0 || isDropped || isRetried,
    )
    const isProcessed = taken.some(({ expected }) => expected.end === 'processed')
    const isOnlyProcessed = taken.every(({ expected }) => expected.end === 'processed')
    const isSure = delivery === 'at-most-once' ? isOnlyProcessed : !isInLetter
    if (isSure && placesOf.size === 0) this.#find(isProcessed ? 'lost' : 'no letter', what)
    for (const { letters, expected, isRetried } of taken) {
      if (letters.length > 1 && !isRetried) this.#find('letters', this.#described(expected))
    }
  }

  /**
   * How many do not know each other: a copy with another key may be in another shard, and in memory ids
   * are known for a life.
   */
  #strangers(all: readonly Fate[]): number {
    const { keyed, shards, durability } = this.#case.setting
    const keys = keyed && shards > 1 ? new Set(all.map(({ expected }) => expected.key)).size : 1
    return durability === 'memory' ? keys * this.#life : keys
  }

  #checkText(expected: Expected, text: string): void {
    if (expected.texts.length === 0 || expected.texts.includes(text)) return
    this.#find(
      'changed',
      `${this.#described(expected)} arrived as ${text}, not ${expected.texts[0]}`,
    )
  }

  /** Per key and shard, first effects come in the order of their sequences. */
  #checkOrder(): void {
    const last = new Map<string, Seen & { readonly life: number }>()
    const seen = new Set<string>()
    for (const effect of this.#effects) {
      const fate = this.#fateOf(effect)
      const place = `${effect.life}:${effect.shard}:${effect.sequence}`
      if (fate === undefined || fate.isRetried || seen.has(place)) continue
      seen.add(place)
      const { key } = fate.expected
      const before = last.get(key)
      last.set(key, effect)
      if (before === undefined) continue
      if (before.shard !== effect.shard) {
        this.#find('shards', `${key} in ${before.shard} and ${effect.shard}`)
      } else if (before.life === effect.life && before.sequence > effect.sequence) {
        this.#find(
          'order',
          `${key}: ${before.n} (${before.sequence}) before ${effect.n} (${effect.sequence})`,
        )
      }
    }
  }

  #isRow(n: number): boolean {
    return this.#case.sources.some(({ rows }) => rows.some((row) => row.n === n))
  }

  #described({ message }: Expected): string {
    const { identified, keyed } = this.#case.setting
    const id = identified ? ` id ${message.id.code}` : ''
    const key = keyed ? ` key ${message.key.code}` : ''
    return `${message.n}${id}${key} ${JSON.stringify(message.value)}`
  }

  #find(check: string, text: string): void {
    this.#findings.push({ check, text: text.slice(0, 600) })
  }
}
