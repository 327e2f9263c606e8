import type { Random } from '../faults/random.js'
import type { Atom } from './case.js'
import { evaluate } from './evaluate.js'
import type { Fate } from './kinds.js'

/** What `id` and `keyBy` may answer: the same table for both, but for the fates. */
interface Answer {
  readonly asId: Fate
  readonly asKey: Fate
  readonly codes: readonly string[]
  readonly weight?: number
}

const answers: Readonly<Record<string, Answer>> = {
  // Some are of one text or one number, and none of the others is.
  'small number': {
    asId: 'carried',
    asKey: 'carried',
    codes: ['0', '1', '2', '-1', '-0'],
    weight: 6,
  },
  number: {
    asId: 'carried',
    asKey: 'carried',
    codes: ['2**31', '-(2**31)', '2**32', '2**32 + 1', '2**53 - 1', '-(2**53) + 1'],
    weight: 2,
  },
  bigint: {
    asId: 'carried',
    asKey: 'carried',
    codes: [
      '3n',
      '-3n',
      '2n**63n',
      '-(2n**63n)',
      '2n**64n - 1n',
      '-(2n**63n) + 1n',
      '2n**32n + 7n',
    ],
    weight: 2,
  },
  text: {
    asId: 'carried',
    asKey: 'carried',
    codes: [
      "'1'",
      "'0'",
      "'-1'",
      "'a'",
      "'A'",
      "'é'",
      "'e\\u0301'",
      "'a\\0'",
      "'a\\0b'",
      "'😀'",
      "'null'",
      "'undefined'",
      "'[object Object]'",
      "'constructor'",
      "'__proto__'",
    ],
    weight: 6,
  },
  'long text': {
    asId: 'carried',
    asKey: 'carried',
    codes: ["text('x', 200)", "text('é', 1000)", "text('x', 1001)", "text('😀', 1000)"],
  },
  'very long text': {
    asId: 'either',
    asKey: 'either',
    codes: ["text('x', 5000)", "text('x', 65535)"],
  },
  'too long': {
    asId: 'refused',
    asKey: 'carried',
    codes: ["text('x', 65536)", "text('é', 700000)"],
  },
  'empty text': { asId: 'refused', asKey: 'carried', codes: ["''"] },
  'blank text': { asId: 'refused', asKey: 'carried', codes: ["' '", "'\\n'"] },
  'half surrogate': {
    asId: 'refused',
    asKey: 'carried',
    codes: ["'\\ud800'", "'\\ud801'", "'a\\udc00'"],
    weight: 2,
  },
  'no number': { asId: 'refused', asKey: 'refused', codes: ['NaN', 'Infinity', '-Infinity'] },
  fraction: { asId: 'refused', asKey: 'refused', codes: ['1.5', '2**53', '-0.1', '1e300'] },
  'bigint beyond': { asId: 'refused', asKey: 'carried', codes: ['2n**64n', '-(2n**63n) - 1n'] },
  nothing: { asId: 'refused', asKey: 'refused', codes: ['undefined', 'null'], weight: 2 },
  boolean: { asId: 'refused', asKey: 'refused', codes: ['true', 'false'] },
  object: {
    asId: 'refused',
    asKey: 'refused',
    codes: [
      'new Date(5)',
      '({})',
      "['a', 'b']",
      '[1]',
      "new String('a')",
      'new Number(1)',
      'bytes(3)',
      'Promise.resolve(1)',
      "({ toString: () => 'a' })",
      'Object.create(null)',
    ],
    weight: 3,
  },
  symbol: { asId: 'refused', asKey: 'refused', codes: ["Symbol('a')", '() => 1'] },
  throws: {
    asId: 'refused',
    asKey: 'refused',
    codes: [
      "raise(new Error('no answer'))",
      'raise(null)',
      'raise(undefined)',
      "raise(Symbol('s'))",
      'raise(Object.create(null))',
      "raise({ get message() { throw new Error('m') } })",
    ],
  },
}

const drawn = Object.entries(answers).flatMap(([kind, { weight = 1 }]) =>
  Array<string>(weight).fill(kind),
)
const sound = ['small number', 'text']

/** Few different ones, so that many meet. */
export function drawAnswer(random: Random): Atom {
  const kind = random.chance(0.6) ? random.oneOf(sound) : random.oneOf(drawn)
  return { kind, code: random.oneOf((answers[kind] as Answer).codes) }
}

export function fateAsId({ kind }: Atom): Fate {
  return answers[kind]?.asId ?? 'carried'
}

export function fateAsKey({ kind }: Atom): Fate {
  return answers[kind]?.asKey ?? 'carried'
}

/** Two answers with the same text are one id: whole numbers and bigints by their value. */
export function identity(answer: Atom): string {
  const none = `none ${answer.code}`
  if (fateAsId(answer) === 'refused' && fateAsKey(answer) === 'refused') return none
  const value = evaluate(answer.code)
  if (typeof value === 'string') return `text ${JSON.stringify(value)}`
  if (typeof value === 'number' && Number.isSafeInteger(value)) return `number ${BigInt(value)}`
  if (typeof value === 'bigint') return `number ${value}`
  return none
}
