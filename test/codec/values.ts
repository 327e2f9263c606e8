import * as fc from 'fast-check'

/** Texts of every kind that UTF-8 can hold; lengths around those at which their headers grow. */
const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .tuple(
      fc.constantFrom('a', 'é', '語', '😀'),
      fc.constantFrom(0, 1, 15, 31, 32, 47, 48, 49, 255, 256),
    )
    .map(([letter, times]) => letter.repeat(times)),
)
const names = fc.oneof(
  texts,
  fc.constantFrom('constructor', 'then', 'length', '', '0', '17', 'a b'),
)
const integers = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(
    63,
    64,
    127,
    128,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -32,
    -33,
    -(2 ** 31),
  ),
  fc.maxSafeInteger(),
)
const typedArrays = fc.oneof(
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
)

class Money {
  amount = 1
}

/** Values that are carried exactly, nested in each other. */
export const carried = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    texts,
    integers,
    fc.double(),
    fc.constantFrom(null, undefined, true, false, NaN, -0, 0, Infinity, -Infinity),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 300 }),
    typedArrays,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      names.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
    fc
      .array(fc.tuple(fc.oneof(texts, integers), tie('value')), { maxLength: 8 })
      .map((entries) => new Map(entries)),
  ),
})).value

const detached = new Uint8Array(8)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
const circle: unknown[] = []
circle.push(circle)

/** Values that are refused, with a part of what is said. */
export const refused: readonly (readonly [value: unknown, said: RegExp])[] = [
  [Symbol('s'), /symbol/],
  [() => 1, /function/],
  [Money, /function/],
  [Promise.resolve(1), /promise/],
  [new Set([1]), /Set/],
  [/a/g, /regular expression/],
  [new TypeError('x'), /Error/],
  [Object(5), /boxed/],
  [Object('text'), /boxed/],
  [Object(5n), /boxed/],
  [new DataView(new ArrayBuffer(4)), /DataView/],
  [new ArrayBuffer(4), /ArrayBuffer/],
  [new SharedArrayBuffer(4), /ArrayBuffer/],
  [new WeakMap(), /weak/],
  [new WeakSet(), /weak/],
  [new WeakRef({}), /WeakRef/],
  [new Money(), /the class Money/],
  [Object.create({ inherited: 1 }), /prototype/],
  [new (class Row extends Map {})(), /class of Map/],
  [new (class Row extends Array {})(), /class of arrays/],
  [new (class Day extends Date {})(), /class of Date/],
  [new (class Row extends Uint8Array {})(2), /class of Uint8Array/],
  [new (class Row extends Float64Array {})(2), /class of Float64Array/],
  [new Date(NaN), /invalid Date/],
  [2n ** 64n, /64 bits/],
  [-(2n ** 63n) - 1n, /64 bits/],
  ['half \ud83d', /surrogate/],
  ['\ude00 half, and long enough to be written in one piece by another piece of code', /surrogate/],
  [{ '\ud83d': 1 }, /name with half/],
  [JSON.parse('{"__proto__": 1}'), /__proto__/],
  [/(?<year>\d+)/.exec('in 2012'), /member "groups"/],
  [Object.assign([1, 2], { total: 3 }), /member "total"/],
  [Object.assign(new Date(0), { zone: 'UTC' }), /member "zone"/],
  [Object.assign(new Map(), { zone: 'UTC' }), /member "zone"/],
  [Math, /Math/],
  [JSON, /JSON/],
  [globalThis, /.*/],
  [circle, /circles/],
  [detached, /handed on/],
  [
    (function given() {
      return arguments
    })(),
    /arguments/,
  ],
  [Object.setPrototypeOf(new Date(0), Object.prototype), /Date|kind/],
  [
    {
      get price() {
        throw new Error('no price')
      },
    },
    /no price/,
  ],
  [
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('closed')
        },
      },
    ),
    /closed/,
  ],
  [new URL('http://localhost/'), /URL/],
  [(function* numbers() {})(), /Generator/],
]
