import { describe, expect, test } from 'vitest'
import { Ledger } from './ledger.js'

describe('the ledger', () => {
  test('takes a line that a kill has cut for none', () => {
    const ledger = new Ledger()
    ledger.add('send 1 2 3\nok 0:0:1\nok 1:0:2 2:')
    expect(ledger.copies.map(({ state }) => state)).toEqual(['ok', 'unknown', 'unknown'])
    expect(ledger.unknownIds(10)).toEqual([2, 3])
    expect(ledger.nextId).toBe(4)
  })

  test('counts the copies of each life anew', () => {
    const ledger = new Ledger()
    ledger.add('send 1 2\nok 1:0:2\n')
    ledger.add('send 1 3\nok 0:0:3\n')
    expect(ledger.copies.map(({ id, life, state }) => [id, life, state])).toEqual([
      [1, 0, 'unknown'],
      [2, 0, 'ok'],
      [1, 1, 'ok'],
      [3, 1, 'unknown'],
    ])
    expect(ledger.byId.get(1)).toEqual([0, 2])
  })

  test('takes what was sent before a drain for acknowledged', () => {
    const ledger = new Ledger()
    ledger.add('send 1 2 3\nfail 1 SEMEL_TOO_LARGE\ndrained 2\n')
    expect(ledger.copies.map(({ state }) => state)).toEqual(['ok', 'fail', 'unknown'])
  })

  test('refuses a line that it does not know', () => {
    expect(() => new Ledger().add('sand 1\n')).toThrow('no line of the ledger')
  })
})
