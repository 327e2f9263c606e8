import { describe, expect, test } from 'vitest'
import type { Case, Message, Setting } from './case.js'
import { judge } from './judge.js'
import type { Observation } from './observations.js'

const setting: Setting = {
  delivery: 'exactly-once',
  durability: 'process',
  shards: 1,
  workers: 0,
  operators: 'sync',
  acknowledge: 'stored',
  sink: 'own',
  ring: '64KiB',
  least: false,
  identified: true,
  keyed: true,
  timed: false,
  raw: false,
  bare: false,
  attempts: 1,
  backoff: 'fixed(0)',
  listener: 'nothing',
}

const message = (n: number, more: Partial<Message> = {}): Message => ({
  n,
  value: { kind: 'integer', code: String(n) },
  id: { kind: 'small number', code: String(n) },
  key: { kind: 'text', code: "'a'" },
  time: { kind: 'now', code: 'Date.now()' },
  fails: 0,
  failsIn: 'operator',
  throws: 'null',
  answers: 'value',
  ...more,
})

const sent = (...messages: Message[]): Case => ({
  setting,
  sources: [],
  actions: messages.map((one) => ({ do: 'push', message: one })),
})

const taken = (door: number): Observation => ({ door, how: 'taken' })
const effect = (n: number, sequence = n, text = `{"n":${n},"value":${n}}`): Observation => ({
  effect: true,
  n,
  shard: 0,
  sequence,
  attempt: 1,
  text,
})

const checks = (given: Case, ...observations: Observation[]): string[] =>
  judge(given, observations).map(({ check }) => check)

describe('the judge of the door', () => {
  const two = sent(message(1), message(2))

  test('is content with what came out as it went in, in its order', () => {
    expect(checks(two, taken(1), taken(2), effect(1), effect(2))).toEqual([])
  })

  test('sees what is lost, what comes twice, what has changed, and what is out of order', () => {
    expect(checks(two, taken(1), taken(2), effect(1))).toEqual(['lost'])
    expect(checks(two, taken(1), taken(2), effect(1), effect(2), effect(1, 3))).toContain('twice')
    expect(checks(two, taken(1), taken(2), effect(1), effect(2, 2, '{"n":2,"value":1}'))).toEqual([
      'changed',
    ])
    expect(checks(two, taken(1), taken(2), effect(2), effect(1))).toEqual(['order'])
  })

  test('takes back what a sink was cut back to', () => {
    const cut: Observation = { rewound: 0, shard: 0 }
    expect(checks(sent(message(1)), taken(1), effect(1), cut, effect(1))).toEqual([])
    expect(checks(sent(message(1)), taken(1), effect(1), cut)).toEqual(['lost'])
  })

  test('wants one effect of messages with one id, and of others each', () => {
    const one = { kind: 'small number', code: '1' }
    const copies = sent(message(1), message(2, { id: one }))
    expect(checks(copies, taken(1), taken(2), effect(1))).toEqual([])
    expect(checks(copies, taken(1), taken(2), effect(1), effect(2))).toEqual(['twice'])
    const others = sent(message(1), message(2, { id: { kind: 'text', code: "'1'" } }))
    expect(checks(others, taken(1), taken(2), effect(1))).toEqual(['lost'])
  })

  test('knows what is to be refused, and wants a reason for it', () => {
    const set = sent(message(1, { value: { kind: 'set', code: 'new Set()' } }))
    const code = 'SEMEL_INVALID_ARGUMENT'
    expect(checks(set, { door: 1, how: 'refused', code })).toEqual([])
    expect(checks(set, { door: 1, how: 'refused', code: 'ERR_X' })).toEqual(['no reason'])
    expect(checks(set, taken(1))).toEqual(['taken'])
    expect(checks(two, { door: 1, how: 'refused', code })).toEqual(['refused'])
  })

  test('wants a dead letter for what always fails, and counters that add up', () => {
    const failing = sent(message(1, { fails: 1 }))
    expect(checks(failing, taken(1))).toEqual(['no letter'])
    const counters = { stored: 2, processed: 1, inFlight: 0, parked: 0 }
    expect(checks(two, { counters, isDrained: true })).toEqual(['counters'])
  })
})
