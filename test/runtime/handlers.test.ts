/* oxlint-disable unicorn/no-thenable -- they are what is tested */
import * as fc from 'fast-check'
import { fixed, forEach, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { caught, describeThrown } from '../../src/core/thrown.js'
import { toError } from '../../src/core/errors.js'
import { thrownValues } from './thrown-values.js'
import { expectBalanced, opened, pushAll, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 40)

/** How a function gives its answer, whatever that is, and whether its caller gets it. */
const answers = {
  value: (answer: unknown) => answer,
  promise: (answer: unknown) => Promise.resolve(answer),
  later: async (answer: unknown) => {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    return answer
  },
  thenable: (answer: unknown) => ({ then: (done: (value: unknown) => void) => done(answer) }),
  callable: (answer: unknown) =>
    Object.assign(() => {}, { then: (done: (value: unknown) => void) => done(answer) }),
  twice: (answer: unknown) => ({
    then(done: (value: unknown) => void, failed: (reason: unknown) => void) {
      done(answer)
      done('another')
      failed(new Error('too late'))
      throw new Error('too late as well')
    },
  }),
  nested: (answer: unknown) => ({
    then: (done: (value: unknown) => void) => done(Promise.resolve(answer)),
  }),
  readOnce: (answer: unknown) => {
    let reads = 0
    return {
      get then() {
        reads += 1
        if (reads > 1) throw new Error('read again')
        return (done: (value: unknown) => void) => queueMicrotask(() => done(answer))
      },
    }
  },
} as const

const failures = {
  throws: (thrown: unknown): never => {
    throw thrown
  },
  rejects: (thrown: unknown) => Promise.reject(thrown),
  thenableRejects: (thrown: unknown) => ({
    then: (_: unknown, failed: (reason: unknown) => void) => failed(thrown),
  }),
  thenableThrows: (thrown: unknown) => ({
    then: () => {
      throw thrown
    },
  }),
  getterThrows: (thrown: unknown) => ({
    get then() {
      throw thrown
    },
  }),
} as const

const answering = fc.record({ by: fc.constantFrom(...(Object.keys(answers) as Answering[])) })
const failing = fc.record({
  fails: fc.constantFrom(...(Object.keys(failures) as Failing[])),
  with: fc.nat({ max: thrownValues.length - 1 }),
})
type Answering = keyof typeof answers
type Failing = keyof typeof failures
type Act = { by: Answering } | { fails: Failing; with: number }

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: answering },
  { weight: 1, arbitrary: failing },
)
/** What each operator does with one message: map, filter, flatMap, tap. */
const message = fc.record({
  acts: fc.tuple(anyAct, anyAct, anyAct, anyAct),
  passes: fc.constantFrom(true, true, 1, {}, false, null, ''),
  values: fc.nat({ max: 3 }),
  generated: fc.boolean(),
})
type Message = { i: number; acts: Act[]; passes: unknown; values: number; generated: boolean }

function perform(act: Act | undefined, answer: unknown): unknown {
  if (act === undefined) return answer
  if ('by' in act) return answers[act.by](answer)
  const [make] = thrownValues[act.with] as (typeof thrownValues)[number]
  return failures[act.fails](make())
}

/** The model: what becomes of a message, and with which operator it fails. */
function expected({ acts, passes, values }: Omit<Message, 'i'>): number | 'filtered' | 'processed' {
  for (const [at, act] of acts.entries()) {
    if ('fails' in act) return act.with
    if (at === 1 && !passes) return 'filtered'
    if (at === 2 && values === 0) return 'filtered'
  }
  return 'processed'
}

function* generated(i: number, count: number) {
  for (let at = 0; at < count; at++) yield { i, at }
}

function handling(outputs: string[], batch: number) {
  const begun = pipeline('handlers')
    .accepts<Message>()
    .deliver('at-least-once')
    .retry({ attempts: 2, backoff: fixed(0) })
    .map((m) => perform(m.acts[0], m) as Promise<Message>)
    .filter((m) => perform(m.acts[1], m.passes) as boolean)
  const many = (m: Message) => {
    const values = generated(m.i, m.values)
    const list = m.generated ? values : [...values]
    return perform(m.acts[2], list) as { i: number; at: number }[]
  }
  const tapped = begun
    .tap((m) =>
      m.acts[2] !== undefined && m.values > 0 && !('fails' in m.acts[2])
        ? perform(m.acts[3], 0)
        : 0,
    )
    .flatMap(many)
  if (batch === 0) return tapped.to(forEach((one) => outputs.push(`${one.i}.${one.at}`)))
  return tapped
    .batch(batch, { within: 1 })
    .flatMap((list) => list)
    .to(forEach((one) => outputs.push(`${one.i}.${one.at}`)))
}

test('every message has the one end that its functions give it, whatever they answer or throw', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 4, maxLength: 12 }),
      fc.constantFrom(0, 1, 3),
      async (drawn, batch) => {
        const messages = drawn.map((one, i) => ({ ...one, i }))
        const ends = drawn.map(expected)
        const dir = scratch()
        const outputs: string[] = []
        const options = { ...small, dir, workers: 0, durability: 'process' } as const
        const stream = await opened(handling(outputs, batch), options)
        const failed: unknown[] = []
        stream.on('failed', (error) => failed.push(error))
        await pushAll(stream, messages)
        await stream.drain({ timeout: 20_000 })
        expect(failed).toEqual([])
        const counters = stream.counters()
        expectBalanced(counters)
        const letters = ends.filter((end) => typeof end === 'number').length
        expect(counters).toMatchObject({
          stored: messages.length,
          processed: ends.filter((end) => end === 'processed').length,
          filtered: ends.filter((end) => end === 'filtered').length,
          deadLettered: letters,
        })
        const processed = messages.filter((_, i) => ends[i] === 'processed')
        expect(outputs.toSorted()).toEqual(
          processed
            .flatMap(({ i, values }) => Array.from({ length: values }, (_, at) => `${i}.${at}`))
            .toSorted(),
        )
        await stream.close()

        const again = await opened(handling([], batch), options)
        await again.drain()
        expect(again.counters()).toEqual(counters)
        const listed = [...again.deadLetters.list()]
        expect(listed).toHaveLength(letters)
        for (const letter of listed) {
          const { i } = letter.message as Message
          const [, words] = thrownValues[ends[i] as number] as (typeof thrownValues)[number]
          expect(letter.history.at(-1)?.error).toMatch(words)
          expect(letter.attempts).toBe(2)
        }
        await again.close()
      },
    ),
    { numRuns },
  )
}, 120_000)

test.each(thrownValues)(
  'whatever is thrown is told in short words, the same each time: %#',
  (make, words) => {
    const { thrown } = caught(make())
    const { name, message: told } = describeThrown(thrown)
    expect(`${name}: ${told}`).toMatch(words)
    expect(told.length).toBeLessThanOrEqual(2000)
    const error = toError(thrown)
    expect(typeof error.message).toBe('string')
    expect(typeof error.name).toBe('string')
    expect(error === thrown || error.cause === thrown || Object.is(error.cause, thrown)).toBe(true)
  },
)
