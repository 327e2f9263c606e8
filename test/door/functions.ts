import { evaluate } from './evaluate.js'

/** What a user's function may throw, as code. */
export const thrown: readonly string[] = [
  "new Error('fails')",
  "'a text'",
  'null',
  'undefined',
  "Symbol('s')",
  '7n',
  '() => {}',
  'Object.create(null)',
  "({ toString() { throw new Error('no text') } })",
  "({ get message() { throw new Error('no message') } })",
  "Object.defineProperty(new Error('e'), 'message', { get() { throw new Error('m') } })",
  "Object.defineProperty(new Error('e'), 'name', { get() { throw new Error('n') } })",
  "Object.assign(new Error('e'), { message: Symbol('m') })",
  "Object.assign(new Error('e'), { name: null })",
  "new Proxy({}, { get() { throw new Error('p') }, getPrototypeOf() { throw new Error('q') } })",
  "new Error('x'.repeat(5000))",
  "new Error('\\ud800')",
  "elsewhere('new Error(1)')",
]

/** What a sink may throw that no sink should: its indices or its count can't be. */
export const thrownBySinks: readonly string[] = [
  "new RejectedOutputs(new Map([[99, new Error('r')]]))",
  "new RejectedOutputs(new Map([[-1, new Error('r')]]))",
  "new RejectedOutputs(new Map([[0.5, new Error('r')]]))",
  "new RejectedOutputs(new Map([['0', new Error('r')]]))",
  'new RejectedOutputs(new Map([[0, null]]))',
  'new RejectedOutputs(new Map())',
  "new RejectedOutputs(new Map([[0, new Error('r')]]), 99)",
  "new RejectedOutputs(new Map([[0, new Error('r')]]), -1)",
  "new RejectedOutputs(new Map([[0, new Error('r')]]), NaN)",
  "new RejectedOutputs(new Map([[0, new Error('r')]]), 0.5)",
  'new RejectedOutputs({ size: 1 }, 0)',
]

/** What an operator may answer for its value, and whether that is the value or a failure. */
interface OperatorAnswer {
  readonly code: string
  readonly is: 'value' | 'failure' | 'either'
}

export const operatorAnswers: Readonly<Record<string, OperatorAnswer>> = {
  value: { code: 'value', is: 'value' },
  promise: { code: 'Promise.resolve(value)', is: 'value' },
  'late promise': { code: 'new Promise((ok) => setTimeout(ok, 1, value))', is: 'value' },
  thenable: { code: '({ then(ok) { ok(value) } })', is: 'value' },
  'resolves twice': { code: "({ then(ok) { ok(value); ok('again') } })", is: 'value' },
  'resolves and throws': {
    code: "({ then(ok) { ok(value); throw new Error('behind') } })",
    is: 'value',
  },
  'resolves and rejects': {
    code: "({ then(ok, no) { ok(value); no(new Error('behind')) } })",
    is: 'value',
  },
  'late thenable': { code: '({ then(ok) { setTimeout(ok, 1, value) } })', is: 'value' },
  'thenable function': { code: 'Object.assign(() => {}, { then(ok) { ok(value) } })', is: 'value' },
  'thenable in a thenable': {
    code: '({ then(ok) { ok({ then(inner) { inner(value) } }) } })',
    is: 'value',
  },
  'thenable of another realm': {
    code: "Object.assign(elsewhere('{}'), { then(ok) { ok(value) } })",
    is: 'value',
  },
  rejects: { code: "Promise.reject(new Error('rejected'))", is: 'failure' },
  'rejects with nothing': { code: '({ then(_, no) { no() } })', is: 'failure' },
  'thenable that throws': { code: '({ then() { throw null } })', is: 'failure' },
  'then can not be read': { code: "({ get then() { throw new Error('then') } })", is: 'failure' },
}

export function answerOf(name: string, value: unknown): unknown {
  return evaluate((operatorAnswers[name] as OperatorAnswer).code, { value })
}

/** How long a failed message is parked, in code. */
export const backoffs: readonly string[] = [
  'fixed(0)',
  'fixed(1)',
  "exponential('1ms', { max: '2ms' })",
  "({ delayMs() { throw new Error('backoff') } })",
  '({ delayMs() { throw null } })',
  "({ delayMs: () => '2ms' })",
  '({ delayMs: () => 1n })',
  '({ delayMs: () => NaN })',
  '({ delayMs: () => -1 })',
  '({ delayMs: () => undefined })',
  "({ delayMs: () => Symbol('s') })",
  '({ delayMs: () => ({}) })',
  '({ delayMs: () => Promise.resolve(1) })',
  "({ delayMs: async () => { throw new Error('late') } })",
  "({ delayMs: () => ({ valueOf() { throw new Error('v') } }) })",
]
