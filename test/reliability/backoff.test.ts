import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '../../src/core/errors.js'
import { exponential, fixed, type Backoff } from '../../src/reliability/backoff.js'
import { retryPolicy } from '../../src/reliability/retry.js'

const anyAttempt = fc.integer({ min: 1, max: 1000 })
const anyExponential = fc.record({
  base: fc.double({ min: 0.001, max: 1000, noNaN: true }),
  max: fc.double({ min: 1000, max: 86_400_000, noNaN: true }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
})
const nearlyOne = () => 1 - Number.EPSILON / 2

function raised(what: unknown): never {
  throw what
}

const refuse = (): never => raised(new Error('unreadable'))

function unreadable(): unknown {
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse })
}

function answering(answer: unknown): number {
  return retryPolicy({ backoff: { delayMs: () => answer as number } }).delayMs(1)
}

function refused(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT', retriable: false })
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('exponential', () => {
  it('doubles up to its maximum', () => {
    const backoff = exponential('50ms', { max: '1s', jitter: 'none' })
    expect([1, 2, 3, 4, 5, 6, 7].map((attempt) => backoff.delayMs(attempt))).toEqual([
      50, 100, 200, 400, 800, 1000, 1000,
    ])
  })

  it('draws evenly from 0 to the bound with full jitter, which is the default', () => {
    const backoff = exponential('100ms', { max: '10s' })
    expect(backoff.delayMs(1, () => 0)).toBe(0)
    expect(backoff.delayMs(1, () => 0.5)).toBe(50)
    expect(backoff.delayMs(4, () => 0.5)).toBe(400)
    expect(backoff.delayMs(1000, () => 0.5)).toBe(5000)
    const draws = Array.from({ length: 20_000 }, () => backoff.delayMs(1))
    const mean = draws.reduce((sum, draw) => sum + draw) / draws.length
    // The mean's standard deviation is 100/√12/√20,000 = 0.2 ms.
    expect(mean).toBeGreaterThan(48)
    expect(mean).toBeLessThan(52)
  })

  it('stays within its bounds at every attempt, whatever is drawn', () => {
    fc.assert(
      fc.property(
        anyExponential,
        anyAttempt,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (options, attempt, draw) => {
          const { base, ...rest } = options
          const bound = exponential(base, { ...rest, jitter: 'none' }).delayMs(attempt)
          expect(bound).toBeGreaterThanOrEqual(base)
          expect(bound).toBeLessThanOrEqual(rest.max)
          const drawn = exponential(base, rest).delayMs(attempt, () => draw)
          expect(drawn).toBeGreaterThanOrEqual(0)
          expect(drawn).toBeLessThanOrEqual(bound)
        },
      ),
    )
  })

  it('never waits less after one failure more', () => {
    fc.assert(
      fc.property(anyExponential, anyAttempt, ({ base, ...rest }, attempt) => {
        const backoff = exponential(base, rest)
        expect(backoff.delayMs(attempt + 1, nearlyOne)).toBeGreaterThanOrEqual(
          backoff.delayMs(attempt, nearlyOne),
        )
      }),
    )
  })

  it('is frozen data that a report can show', () => {
    const backoff = exponential('50ms')
    expect(Object.isFrozen(backoff)).toBe(true)
    expect(backoff).toMatchObject({
      kind: 'exponential',
      baseMs: 50,
      maxMs: 30_000,
      factor: 2,
      jitter: 'full',
    })
  })

  it.each<[() => unknown, string]>([
    [
      () => exponential('soon'),
      `exponential: "soon" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      () => exponential(0),
      'exponential: 0 never grows; give a base longer than 0, or use fixed(0)',
    ],
    [() => exponential('2d'), `exponential: "2d" is too long; give at most '1d'`],
    [
      () => exponential('1s', { max: '25h' }),
      `exponential.max: "25h" is too long; give at most '1d'`,
    ],
    [
      () => exponential('1m'),
      'exponential.max: "30s" is shorter than the base "1m"; give a longer one',
    ],
    [
      () => exponential(1, { factor: 0.5 }),
      'exponential.factor: 0.5 is out of bounds; give a number from 1 to 100',
    ],
    [
      () => exponential(1, { factor: NaN }),
      'exponential.factor: NaN is out of bounds; give a number from 1 to 100',
    ],
    [
      () => exponential(1, { jitter: 'some' as 'full' }),
      `exponential.jitter: "some" is unknown; choose 'full' or 'none'`,
    ],
    [
      () => exponential(1, { cap: 5 } as object),
      'exponential: there is no option "cap"; there are max, factor, jitter',
    ],
    [
      () => exponential(1, 5 as never),
      'exponential: 5 is not an options object; give { max, factor, jitter }',
    ],
  ])('refuses what it cannot use: %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })
})

describe('fixed', () => {
  it('always waits the same', () => {
    const backoff = fixed('2s')
    expect([1, 2, 1000].map((attempt) => backoff.delayMs(attempt))).toEqual([2000, 2000, 2000])
    expect(Object.isFrozen(backoff)).toBe(true)
    expect(fixed(0).delayMs(1)).toBe(0)
  })

  it('refuses what is no wait', () => {
    expect(refused(() => fixed(-1))).toBe(
      `fixed: -1 is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    )
    expect(refused(() => fixed(1n as never))).toBe(
      `fixed: 1n is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    )
    expect(refused(() => fixed('25h'))).toBe(`fixed: "25h" is too long; give at most '1d'`)
  })
})

describe('retryPolicy', () => {
  it('tries three times by default, with full jitter up to 10 s', () => {
    const policy = retryPolicy()
    expect(Object.isFrozen(policy)).toBe(true)
    expect(policy.attempts).toBe(3)
    expect(policy.backoff).toMatchObject({ baseMs: 100, maxMs: 10_000, factor: 2, jitter: 'full' })
    expect(policy.delayMs(2, () => 0.5)).toBe(100)
  })

  it('keeps the waits of a backoff of the user within 0 and a day', () => {
    expect(answering(5)).toBe(5)
    expect(answering(-5)).toBe(0)
    expect(answering(Infinity)).toBe(86_400_000)
  })

  it('takes a text for a wait, as everywhere else', () => {
    expect(answering('70ms')).toBe(70)
    expect(answering('3d')).toBe(86_400_000)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['NaN', () => Number.NaN, /NaN is not a duration/],
    ['nothing', () => {}, /undefined is not a duration/],
    ['a text that is none', () => 'soon', /"soon" is not a duration/],
    ['a bigint', () => 50n, /50n is not a duration/],
    ['a promise that rejects', () => Promise.reject(new Error('unseen')), /is not a duration/],
    ['a symbol', () => Symbol('wait'), /Symbol\(wait\) is not a duration/],
    ['an error', () => raised(new Error('no wait')), /no wait/],
    ['what can not be looked at', () => raised(unreadable()), /no error was thrown/],
  ])('waits as by default in place of %s, and says so', (_what, answer, why) => {
    const policy = retryPolicy({ attempts: 9, backoff: { delayMs: answer as never } })
    const { delayMs, instead } = policy.wait(3)
    expect(delayMs).toBeGreaterThanOrEqual(0)
    expect(delayMs).toBeLessThanOrEqual(400)
    expect(instead).toMatch(why)
    expect(policy.delayMs(3)).toBeLessThanOrEqual(400)
  })

  it('calls a backoff of the user as a method, with attempt and random', () => {
    class Linear implements Backoff {
      readonly stepMs = 7
      delayMs(attempt: number, random = Math.random): number {
        return this.stepMs * attempt * random()
      }
    }
    expect(retryPolicy({ backoff: new Linear() }).delayMs(3, () => 0.5)).toBe(10.5)
  })

  it.each<[() => unknown, string]>([
    [
      () => retryPolicy({ attempts: 0 }),
      'retry.attempts: 0 is out of bounds; give a whole number from 1 to 1000',
    ],
    [
      () => retryPolicy({ attempts: 1001 }),
      'retry.attempts: 1001 is out of bounds; give a whole number from 1 to 1000',
    ],
    [
      () => retryPolicy({ attempts: '3' as never }),
      'retry.attempts: "3" is out of bounds; give a whole number from 1 to 1000',
    ],
    [
      () => retryPolicy({ backoff: 100 as never }),
      `retry.backoff: 100 is not a backoff; give exponential('50ms', { max: '30s' }) or fixed('1s')`,
    ],
    [
      () => retryPolicy({ retries: 3 } as never),
      'retry: there is no option "retries"; there are attempts, backoff, when',
    ],
  ])('refuses what it cannot use: %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })
})
