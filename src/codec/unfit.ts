import { inspect } from 'node:util'

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
    return this.#path
      .map((member) => {
        if (typeof member === 'number') return `[${member}]`
        return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(member)
          ? `.${member}`
          : `[${inspect(member)}]`
      })
      .join('')
  }
}

/** A message that is longer than it may be. */
export class TooLong extends Error {}
