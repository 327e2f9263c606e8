import { describe, expect, it } from 'vitest'
import { pipeline } from '../../src/pipeline/pipeline.js'
import { describeIssues, type StandardSchema } from '../../src/core/schema.js'
import { graph, refused, sink } from './verbs.js'

function schema<I, O>(answer: StandardSchema<I, O>['~standard']['validate']): StandardSchema<I, O> {
  return { '~standard': { version: 1, vendor: 'test', validate: answer } }
}

function validate(checked: StandardSchema): (value: unknown) => unknown {
  const { accepts } = graph(
    pipeline('x').accepts(checked).deliver('at-most-once').to(sink('repeatable')),
  )
  if (accepts.kind !== 'object' || accepts.validate === undefined) throw new Error('no check')
  return accepts.validate
}

describe('a schema', () => {
  it('answers with the message, which it may have changed', () => {
    const check = validate(schema((value) => ({ value: Number(value) })))
    expect(check('12')).toEqual({ value: 12 })
  })

  it('answers with what is wrong', () => {
    const issues = [
      { message: 'expected a number', path: ['legs', 0, { key: 'price' }] },
      { message: 'too old' },
    ]
    expect(validate(schema(() => ({ issues })))(1)).toEqual({ issues })
    expect(describeIssues(issues)).toBe('legs.0.price: expected a number; too old')
  })

  it('may be a function, as those of ArkType are', () => {
    const check = validate(
      Object.assign(
        () => {},
        schema((value) => ({ value })),
      ),
    )
    expect(check(1)).toEqual({ value: 1 })
  })

  it.each([
    ['resolves', () => Promise.resolve({ value: 1 })],
    ['rejects', () => Promise.reject(new Error('late'))],
  ])('that answers with a promise is refused, also when that %s', async (_, answer) => {
    const check = validate(schema(answer))
    expect(refused(() => check(1))).toBe(
      'accepts: the schema (test) answers with a promise; use a schema without asynchronous checks, and make those in a map',
    )
    // An unhandled rejection would end the test process here.
    await new Promise((resolve) => setImmediate(resolve))
  })
})
