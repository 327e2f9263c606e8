import { inspect } from 'node:util'

/** So many members of a path are told: of what goes in circles it has hundreds. */
const pathMax = 12

/** A value that can't be carried: where in the message it stands, and why not. */
export class UnfitValue extends Error {
  readonly #path: (string | number)[] = []
  readonly why: string

  constructor(why: string, options?: ErrorOptions) {
    super(why, options)
    this.name = 'UnfitValue'
    this.why = why
  }

  /** It stands in this member of what is being told. */
  in(member: string | number): this {
    this.#path.unshift(member)
    return this
  }

  /** As it is written in JavaScript: `.items[3].when`; empty for the message itself. */
  get path(): string {
    const shown = this.#path.length > pathMax ? this.#path.slice(0, pathMax) : this.#path
    const text = shown
      .map((member) => {
        if (typeof member === 'number') return `[${member}]`
        return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(member)
          ? `.${member}`
          : `[${inspect(member)}]`
      })
      .join('')
    return shown === this.#path ? text : `${text}…`
  }
}

/** A message that is longer than it may be. */
export class TooLong extends Error {}
