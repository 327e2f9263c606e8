import type { Kind } from './kinds.js'

/** Kinds of values that the door refuses. */
export const refused: Readonly<Record<string, Kind>> = {
  'half surrogate': {
    fate: 'refused',
    codes: [
      "'\\ud800'",
      "'a\\udc00'",
      "'\\ude00\\ud83d'",
      "'x'.repeat(100) + '\\ud83d'",
      "({ '\\ud800': 1 })",
      "new Map([['\\udfff', 1]])",
    ],
  },
  'bigint beyond': { fate: 'refused', codes: ['2n**64n', '-(2n**63n) - 1n', '2n**200n'] },
  'invalid date': { fate: 'refused', codes: ['new Date(NaN)'] },
  'bare memory': {
    fate: 'refused',
    codes: ['new ArrayBuffer(8)', 'new SharedArrayBuffer(8)', 'new DataView(new ArrayBuffer(8))'],
  },
  'own __proto__': { fate: 'refused', codes: ['JSON.parse(\'{"__proto__":1,"a":2}\')'] },
  'another realm, refused': {
    fate: 'refused',
    codes: ['new Set([1])', '/a/', 'new Error("x")', 'Promise.resolve()', 'function () {}'].map(
      (code) => `elsewhere('${code}')`,
    ),
  },
  toJSON: { fate: 'refused', codes: ['({ toJSON() { return 1 } })'] },
  function: {
    fate: 'refused',
    codes: ['() => {}', 'Array', '({ a() {} })', '[() => 1]', 'class {}'],
  },
  symbol: { fate: 'refused', codes: ["Symbol('s')", 'Symbol.iterator'] },
  promise: { fate: 'refused', codes: ['Promise.resolve(1)', '({ a: Promise.resolve(2) })'] },
  set: { fate: 'refused', codes: ['new Set()', 'new Set([1, 2])'] },
  regexp: { fate: 'refused', codes: ['/a/g'] },
  error: { fate: 'refused', codes: ["new Error('e')", "new TypeError('t')"] },
  boxed: {
    fate: 'refused',
    codes: [
      'new Number(1)',
      "new String('s')",
      'new Boolean(false)',
      'Object(1n)',
      'Object(Symbol())',
    ],
  },
  weak: { fate: 'refused', codes: ['new WeakMap()', 'new WeakSet()', 'new WeakRef({})'] },
  instance: {
    fate: 'refused',
    codes: [
      'new (class A { x = 1 })()',
      'new URL("http://a/")',
      'Object.create({ inherited: 1 })',
      '(function* () {})()',
      'new Intl.NumberFormat()',
    ],
  },
  'throwing getter': {
    fate: 'refused',
    codes: [
      "({ get a() { throw new Error('g') } })",
      '({ get a() { throw null } })',
      "new Proxy({}, { ownKeys() { throw new Error('p') } })",
    ],
  },
  cycle: { fate: 'refused', codes: ['cycle()'] },
  'too deep': { fate: 'refused', codes: ['nested(100000)'] },
}
