import type { Kind } from './kinds.js'

/** Around every size at which an encoding, a buffer or a bound changes. */
const sizes = [
  0, 1, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 257, 1000, 4095, 4096, 8191, 8192,
]
  .concat([8180, 65_535, 65_536, 65_537, 131_071, 131_072, 262_144, 1_000_000])
  .concat([983_030, 983_040, 983_050, 1_048_560, 1_048_576, 1_048_590, 1_100_000, 2_000_000])
const small = sizes.filter((size) => size <= 8192)

const around = (...numbers: number[]): string[] =>
  numbers.flatMap((n) => [n - 1, n, n + 1, -n - 1, -n, -n + 1].map(String))

/** Kinds of values that arrive as they are. */
export const carried: Readonly<Record<string, Kind>> = {
  undefined: { fate: 'carried', codes: ['undefined'] },
  null: { fate: 'carried', codes: ['null'] },
  boolean: { fate: 'carried', codes: ['true', 'false'] },
  integer: {
    fate: 'carried',
    codes: ['0', ...around(32, 128, 256, 32_768, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1)],
    weight: 3,
  },
  number: {
    fate: 'carried',
    codes: [
      '0.1',
      '-1.5',
      '5e-324',
      '1.7976931348623157e308',
      '1e21',
      '2**64',
      '3.4e38',
      '16777217.5',
    ],
  },
  'not finite': { fate: 'carried', codes: ['NaN', 'Infinity', '-Infinity'] },
  'minus zero': { fate: 'carried', codes: ['-0'] },
  text: {
    fate: 'carried',
    codes: [
      "''",
      "'a'",
      "'\\0'",
      "'\\ufeffa'",
      "'\\u2028'",
      "'é'",
      "'e\\u0301'",
      "'😀'",
      "'1'",
      ...small.flatMap((size) => ['x', 'é', '😀'].map((unit) => `text('${unit}', ${size})`)),
    ],
    weight: 4,
  },
  'long text': {
    fate: 'carried',
    codes: sizes
      .filter((size) => size > 8192)
      .flatMap((size) => ['x', 'é'].map((unit) => `text('${unit}', ${size})`)),
    weight: 2,
  },
  bigint: {
    fate: 'carried',
    codes: [
      '0n',
      '1n',
      '-1n',
      '127n',
      '2n**31n',
      '2n**32n',
      '2n**53n',
      '-(2n**63n)',
      '2n**63n - 1n',
      '2n**63n',
      '2n**64n - 1n',
    ],
  },
  date: {
    fate: 'carried',
    codes: [
      '0',
      '1',
      '-1',
      '999',
      '1700000000123',
      '4294967296000',
      '17179869184000',
      '8.64e15',
      '-8.64e15',
      '-62135596800000',
    ].map((ms) => `new Date(${ms})`),
  },
  bytes: {
    fate: 'carried',
    codes: [
      ...small.map((size) => `bytes(${size})`),
      'Buffer.from(bytes(40))',
      'bytes(100).subarray(7, 31)',
      'Buffer.from("abc")',
    ],
    weight: 2,
  },
  'long bytes': {
    fate: 'carried',
    codes: sizes.filter((size) => size > 8192).map((size) => `bytes(${size})`),
  },
  'other typed array': {
    fate: 'carried',
    codes: ['Float64 Float32 Int8 Uint8Clamped Int16 Uint16 Int32 Uint32 BigInt64 BigUint64']
      .flatMap((names) => names.split(' '))
      .flatMap((name) => [0, 8, 40].map((bytes) => `new ${name}Array(bytes(${bytes}).buffer)`)),
    weight: 2,
  },
  'a part of a typed array': {
    fate: 'carried',
    codes: [
      'new Float64Array(bytes(80).buffer, 16, 3)',
      'new Int16Array(bytes(80).buffer).subarray(3, 9)',
      "elsewhere('new Float32Array([1.5, NaN])')",
    ],
  },
  'odd members': {
    fate: 'carried',
    codes: [
      'constructor',
      'hasOwnProperty',
      'length',
      'valueOf',
      'toString',
      '',
      '0',
      '-1',
      'a b',
      'é',
      '\\u2028',
      'prototype',
      'key',
      'name',
    ]
      .map((name) => `({ '${name}': 1 })`)
      .concat('({ then: 2 })', '({ toJSON: 5 })'),
    weight: 2,
  },
  'undefined member': { fate: 'carried', codes: ['({ a: undefined, b: 1 })', '[undefined]'] },
  holes: { fate: 'carried', codes: ['[1, , 3]', '[, ,]', 'new Array(3)'] },
  'without prototype': { fate: 'carried', codes: ['Object.assign(Object.create(null), { a: 1 })'] },
  'another realm': {
    fate: 'carried',
    codes: ['{ a: 1, b: [2] }', '[1, { c: 3 }]', 'new Date(5)', 'new Map([[1, 2]])'].map(
      (code) => `elsewhere('${code}')`,
    ),
    weight: 2,
  },
  map: {
    fate: 'carried',
    codes: [
      'new Map()',
      "new Map([[1, 'a'], ['1', 'b'], [null, undefined]])",
      'new Map([[[1], { a: 1 }]])',
    ],
  },
  'long array': {
    fate: 'carried',
    codes: [15, 16, 17, 1000, 65_536].map((n) => `Array.from({ length: ${n} }, (_, i) => i & 127)`),
  },
  'many members': {
    fate: 'carried',
    codes: [15, 16, 17, 31, 32, 33, 300].map(
      (n) => `Object.fromEntries(Array.from({ length: ${n} }, (_, i) => ['m' + i, i]))`,
    ),
  },
  shared: { fate: 'carried', codes: ['twice({ a: 1 })', 'twice([1])'] },
  nested: { fate: 'carried', codes: ['nested(20)', 'nested(500)'] },
  getter: { fate: 'carried', codes: ['({ get a() { return 1 } })'], arrives: ['({ a: 1 })'] },
  'a getter that changes': {
    fate: 'carried',
    codes: ["changing(1, 'x'.repeat(100), 1)"],
    arrives: ['({ a: 1 })'],
  },
  'sends within a send': {
    fate: 'carried',
    codes: [
      '({ get a() { within(); return 1 }, b: 2 })',
      "({ b: 'y'.repeat(50), get a() { within(); return 1 } })",
    ],
    arrives: ['({ a: 1, b: 2 })', "({ b: 'y'.repeat(50), a: 1 })"],
  },
  proxy: {
    fate: 'carried',
    codes: ['new Proxy({ a: 1 }, {})', 'new Proxy([1], {})'],
    arrives: ['({ a: 1 })', '[1]'],
  },
}
