import type { Case } from './case.js'
import type { Expected } from './expected.js'
import { Fates, type Effect, type Fate, type Finding } from './fates.js'
import type { Observation } from './observations.js'

/** Judges a case from what was told of it. */
export function judge(given: Case, observations: readonly Observation[]): Finding[] {
  return new Judge(given, observations).findings()
}

class Judge {
  readonly #case: Case
  readonly #fates: Fates
  readonly #findings: Finding[]
  readonly #isKilled: boolean
  /** Whether a stream was closed beside what was sent. */
  readonly #isCut: boolean

  constructor(given: Case, observations: readonly Observation[]) {
    this.#case = given
    this.#fates = new Fates(given, observations)
    this.#findings = [...this.#fates.findings]
    this.#isKilled = observations.some((one) => 'killed' in one)
    this.#isCut = given.actions.some((action) => action.do === 'reopen' && action.beside)
  }

  findings(): Finding[] {
    for (const fate of this.#fates.all.values()) this.#checkDoor(fate)
    if (this.#findings.length > 0) return this.#findings
    if (this.#case.setting.bare) this.#checkBare()
    else this.#checkEnds()
    this.#checkOrder()
    return this.#findings
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
      if (how === 'unknown' && !this.#isKilled && !this.#isCut) this.#find('unknown', what)
    }
  }

  #checkBare(): void {
    for (const { expected, doors } of this.#fates.all.values()) {
      for (const { how, shard, sequence, life } of doors) {
        if (how !== 'taken' || sequence === undefined) continue
        const seen = this.#fates.byPlace.get(`${life}:${shard}:${sequence}`)
        if (seen === undefined) {
          if (!this.#isKilled) this.#find('lost', this.#described(expected))
        } else this.#checkText(expected, seen.text)
      }
    }
  }

  #checkEnds(): void {
    this.#checkRows()
    const classes = new Map<string, Fate[]>()
    for (const fate of this.#fates.all.values()) {
      const { expected, arrivals, effects, letters } = fate
      for (const { text } of [...arrivals, ...letters]) this.#checkText(expected, text)
      for (const { text } of effects) this.#checkText(expected, text)
      const copies = expected.identity ?? `alone ${expected.message.n}`
      classes.set(copies, [...(classes.get(copies) ?? []), fate])
    }
    for (const fates of classes.values()) {
      for (const fate of fates) this.#checkLate(fate, fates.length === 1)
      this.#checkCopies(fates)
    }
  }

  /** Nothing is done with a message that is older than the window, and its sender is told so. */
  #checkLate({ expected, arrivals, effects, doors }: Fate, isAlone: boolean): void {
    if (expected.end !== 'late') return
    const isTold = doors.every(({ outcome = 'late' }) => outcome === 'late')
    if (arrivals.length > 0 || effects.length > 0 || (isAlone && !isTold)) {
      this.#find('late', `${this.#described(expected)} is not`)
    }
  }

  /** A row that the door refuses is a dead letter. */
  #checkRows(): void {
    const { delivery } = this.#case.setting
    if (delivery === 'at-most-once' || this.#fates.isMalformedDropped) return
    const refused = [...this.#fates.all.values()].filter(
      ({ expected, doors }) =>
        expected.fate === 'refused' &&
        this.#isRow(expected.message.n) &&
        doors.some(({ how }) => how === 'taken'),
    )
    if (refused.length > this.#fates.malformedLetters) {
      const what = refused.map(({ expected }) => this.#described(expected)).join(' and ')
      this.#find('no letter', `${this.#fates.malformedLetters} of refused rows for ${what}`)
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
      ({ expected }) =>
        expected.end === 'either' || expected.fate === 'either' || expected.end === 'late',
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
      // Of a reading that was cut off, rows were given away that were not stored.
      if (this.#isCut && all.some(({ expected }) => this.#isRow(expected.message.n))) return
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
    return durability === 'memory' ? keys * this.#fates.lives : keys
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
    const last = new Map<string, Effect>()
    const seen = new Set<string>()
    for (const effect of this.#fates.effects) {
      const fate = this.#fates.of(effect)
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
