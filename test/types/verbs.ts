import { expect } from 'vitest'
import { refused as messageOf } from '../pipeline/verbs.js'

/** Compiles, and runs. */
export function accepted(make: () => unknown): void {
  expect(make).not.toThrow()
}

/** Does not compile, as its comment says, and is refused at run time with one of these texts. */
export function refusedWith<Name extends string>(
  texts: Record<Name, string>,
): (name: Name, make: () => unknown) => void {
  return (name, make) => {
    expect(messageOf(make)).toBe(texts[name])
  }
}
