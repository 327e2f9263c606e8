import { compileFunction, createContext, runInContext } from 'node:vm'
import { exponential, fixed, RejectedOutputs } from 'semel'
import type { Value } from './case.js'

const realm = createContext()

/** No other drawn value has as many bytes. */
export const frameBytes = 48

/** What code may call besides what JavaScript has. */
const kit = {
  fixed,
  exponential,
  RejectedOutputs,
  /** Made in another realm, with prototypes of its own. */
  elsewhere: (code: string): unknown => runInContext(`(${code})`, realm),
  raise: (thrown: unknown): never => {
    throw thrown
  },
  /** So many arrays in each other. */
  nested: (depth: number): unknown => {
    let value: unknown = 1
    for (let i = 0; i < depth; i++) value = [value]
    return value
  },
  /** A value that holds itself. */
  cycle: (): unknown => {
    const ring: Record<string, unknown> = { a: 1 }
    ring['self'] = ring
    return ring
  },
  /** Each time that it is asked, it answers the next of these. */
  changing: (...answers: unknown[]): object => {
    let asked = 0
    return Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => answers[Math.min(asked++, answers.length - 1)],
    })
  },
  /** A text of so many of these, by its UTF-8 bytes. */
  text: (unit: string, bytes: number): string =>
    unit.repeat(Math.floor(bytes / Buffer.byteLength(unit))),
  bytes: (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + 1) & 0xff),
  /** Its number, and bytes that are its own. */
  frame: (number: number): Uint8Array => {
    const bytes = new Uint8Array(frameBytes).fill(number & 0xff)
    new DataView(bytes.buffer).setUint32(0, number, true)
    return bytes
  },
  twice: (value: unknown): unknown[] => [value, value],
  /** Calls of the life that runs: what a getter does that sends within a send. */
  within: (): void => kit.onWithin(),
  onWithin: (): void => {},
}

const names = Object.keys(kit)
const compiled = new Map<string, (...args: unknown[]) => unknown>()

/** What the code makes, anew each time. */
export function evaluate(
  code: string,
  parameters: Readonly<Record<string, unknown>> = {},
): unknown {
  const all = [...names, ...Object.keys(parameters)]
  const whole = `${Object.keys(parameters).join()}|${code}`
  let run = compiled.get(whole)
  if (run === undefined) {
    if (compiled.size > 5000) compiled.clear()
    run = compileFunction(`return (${code})`, all) as (...args: unknown[]) => unknown
    compiled.set(whole, run)
  }
  return run(...Object.values(kit), ...Object.values(parameters))
}

/** What a getter that sends within a send calls from now on. */
export function onWithin(call: () => void): void {
  kit.onWithin = call
}

/** The value itself; `codeOf` may give another code for an atom. */
export function valueOf(
  value: Value,
  codeOf: (kind: string, code: string) => string = (_, code) => code,
): unknown {
  if ('code' in value) return evaluate(codeOf(value.kind, value.code))
  if ('array' in value) return value.array.map((item) => valueOf(item, codeOf))
  if ('map' in value) {
    return new Map(value.map.map(([k, v]) => [valueOf(k, codeOf), valueOf(v, codeOf)]))
  }
  const object = {}
  for (const [key, member] of value.object) {
    const made = valueOf(member, codeOf)
    Object.defineProperty(object, key, {
      value: made,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return object
}
