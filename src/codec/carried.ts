import { types } from 'node:util'

/** How an object that is no plain one is written; a text says why it can't be carried. */
export type Form = 'object' | 'array' | 'map' | 'date' | 'bytes' | 'typed-array' | { why: string }

/** As readers know typed arrays by number (msgpackr's extension `t`). */
export const typedArrayCodes: ReadonlyMap<string, number> = new Map(
  [
    'Int8Array',
    'Uint8Array',
    'Uint8ClampedArray',
    'Int16Array',
    'Uint16Array',
    'Int32Array',
    'Uint32Array',
    'Float32Array',
    'Float64Array',
    'BigInt64Array',
    'BigUint64Array',
  ].map((name, code) => [name, code]),
)

const tagOf = Object.prototype.toString
const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as (this: object) => string

/** The name of a typed array's kind, whatever its realm; its own members have no say. */
export function typedArrayKind(array: object): string {
  return typedArrayName.call(array)
}

/** Whether a plain object is what it looks like, and no `Date` or `arguments` under another prototype. */
export function isTaggedObject(value: object): boolean {
  return tagOf.call(value) === '[object Object]'
}

/** What an object is whose prototype is not this realm's `Object.prototype`. */
export function formOf(value: object, prototype: object | null): Form {
  if (Array.isArray(value)) {
    if (prototype === Array.prototype || Array.isArray(prototype)) return withoutMembers(value)
    return unlike('an instance of a class of arrays', 'give a plain array')
  }
  // Proxies of dates, maps and bytes have none of their insides.
  if (types.isDate(value)) return isBuiltIn(prototype, 2) ? bare(value, 'date') : subclass('Date')
  if (types.isMap(value)) return isBuiltIn(prototype, 2) ? bare(value, 'map') : subclass('Map')
  if (types.isTypedArray(value)) {
    // Bytes arrive as a Uint8Array, so of a Buffer nothing is lost.
    if (prototype !== Buffer.prototype && !isBuiltIn(prototype, 3)) {
      return subclass(typedArrayKind(value))
    }
    return attached(value, types.isUint8Array(value) ? 'bytes' : 'typed-array')
  }
  if (prototype === null || isBuiltIn(prototype, 1)) {
    return isTaggedObject(value) ? 'object' : refused(value)
  }
  return refused(value)
}

/**
 * Whether it is a prototype that a realm comes with, so many steps from the end of its chain: those of
 * classes are further away. `isPrototypeOf` stands in every realm's `Object.prototype`, and there alone.
 */
function isBuiltIn(prototype: object | null, steps: number): boolean {
  let at = prototype
  for (let step = 1; step < steps; step++) {
    if (at === null) return false
    at = Object.getPrototypeOf(at) as object | null
  }
  return at !== null && Object.getPrototypeOf(at) === null && Object.hasOwn(at, 'isPrototypeOf')
}

/** The elements of an array are data, and what else hangs on it would be lost. */
function withoutMembers(array: readonly unknown[]): Form {
  const { length } = array
  const keys = Object.keys(array)
  // Members that are no elements come behind those that are.
  const last = keys.at(-1)
  if (last === undefined) return 'array'
  const index = Number(last)
  if (Number.isInteger(index) && index >= 0 && index < length && String(index) === last) {
    return 'array'
  }
  return unlike(
    `an array with a member ${JSON.stringify(last)}`,
    'give an object that has both, or [...array]',
  )
}

function bare(value: object, form: 'date' | 'map'): Form {
  const [first] = Object.keys(value)
  if (first === undefined) return form
  return unlike(`a ${form} with a member ${JSON.stringify(first)}`, 'give an object that has both')
}

function attached(value: ArrayBufferView, form: 'bytes' | 'typed-array'): Form {
  if (value.byteLength > 0) return form
  try {
    void new Uint8Array(value.buffer).length
    return form
  } catch {
    return unlike('an array whose memory was handed on', 'send it before you transfer it')
  }
}

function subclass(name: string): Form {
  return unlike(`an instance of a class of ${name}`, `give a plain ${name}`)
}

function refused(value: object): Form {
  if (types.isSet(value)) return unlike('a Set', 'give an array: [...set]')
  if (types.isRegExp(value)) return unlike('a regular expression', 'give its source and flags')
  if (types.isNativeError(value)) return unlike('an Error', 'give its name, message and stack')
  if (types.isPromise(value)) return unlike('a promise', 'await it first')
  if (types.isBoxedPrimitive(value)) return unlike('a boxed primitive', 'give its valueOf()')
  if (types.isDataView(value)) return unlike('a DataView', 'give a Uint8Array of its bytes')
  if (types.isAnyArrayBuffer(value)) return unlike('an ArrayBuffer', 'give a Uint8Array over it')
  if (types.isWeakMap(value) || types.isWeakSet(value)) {
    return unlike('a weak collection', 'give its entries, which only you can know')
  }
  if (types.isArgumentsObject(value)) return unlike('an arguments object', 'give [...arguments]')
  const tag = tagOf.call(value).slice(8, -1)
  if (tag !== 'Object') return unlike(`an object of the kind ${tag}`, 'give its data')
  return unlike(`an instance of ${classOf(value)}`, 'give its data: { ...value }')
}

function classOf(value: object): string {
  const { constructor } = value as { constructor?: unknown }
  const name = typeof constructor === 'function' ? constructor.name : undefined
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `the class ${name.slice(0, 80)}`
    : 'a class, or an object with another one as its prototype'
}

function unlike(what: string, remedy: string): Form {
  return { why: `${what} can't be carried; ${remedy}` }
}
