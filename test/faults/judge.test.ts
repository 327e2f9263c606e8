import { describe, expect, test } from 'vitest'
import { judge } from './judge.js'
import { Ledger } from './ledger.js'
import { endsDead, messageOf, outputsOf, type Output } from './messages.js'
import { Random } from './random.js'
import { drawSetting, type Setting } from './setting.js'

const setting: Setting = {
  ...drawSetting(new Random('judge'), 'stored'),
  delivery: 'exactly-once',
  durability: 'disk',
  shards: 1,
  workers: 0,
  sink: 'rewindable',
  operators: 'sync',
  dedup: true,
  bank: false,
  failing: 0,
  sourceRows: 0,
}

/** What two lives told: ids 0 … 9 sent, of which 0 … 5 have receipts, and 9 was refused. */
function ledger(more = ''): Ledger {
  const told = new Ledger()
  told.add(
    `opening \nopened [[0,0,0,0,0,0,0,0,0]]\nsend 0 1 2 3 4 5 6 7 8 9\nok 0:0:1 1:0:2 2:0:3 3:0:4 4:0:5 5:0:6\nfail 9 SEMEL_TOO_LARGE\n`,
  )
  told.add(`opening \n${more}`)
  return told
}

const effects = (...ids: number[]): Output[] =>
  ids.flatMap((id) => outputsOf(messageOf(id, setting), false))

const checksOf = (under: Setting, told: Ledger, found: Output[]): string[] =>
  judge(under, told, found).findings.map(({ check, id }) => `${check} ${id}`)

/** By key, so that whatever the keys are the order is right. */
const all = effects(0, 1, 2, 3, 4, 5)

describe('the judge', () => {
  test('asks for every acknowledged message once, and lets the unknown be there or not', () => {
    expect(checksOf(setting, ledger(), all)).toEqual([])
    expect(checksOf(setting, ledger(), [...all, ...effects(6, 8)])).toEqual([])
    expect(judge(setting, ledger(), all)).toMatchObject({ acknowledged: 6, unknown: 3 })
  })

  test('sees what is lost, what comes twice, what was refused and what was never sent', () => {
    expect(checksOf(setting, ledger(), effects(0, 1, 2, 4, 5))).toEqual(['lost 3'])
    expect(checksOf(setting, ledger(), [...all, ...effects(2)])).toEqual(['twice 2'])
    expect(checksOf(setting, ledger(), [...all, ...effects(7, 7)])).toEqual(['twice 7'])
    expect(checksOf(setting, ledger(), [...all, ...effects(9)])).toEqual(['phantom 9'])
    expect(checksOf(setting, ledger(), [...all, ...effects(77)])).toEqual(['phantom 77'])
  })

  test('sees two senders that were both told theirs was the one that was processed', () => {
    expect(checksOf(setting, bothTold('duplicate'), effects(0))).toEqual([])
    expect(checksOf(setting, bothTold('processed'), effects(0))).toEqual(['twice 0'])
  })

  test('at least once counts repeats, and takes them for right', () => {
    const under: Setting = { ...setting, delivery: 'at-least-once', sink: 'repeatable' }
    const verdict = judge(under, ledger(), [...all, ...effects(4, 5)])
    expect(verdict).toMatchObject({ findings: [], repeated: 2 })
    expect(checksOf(under, ledger(), effects(0, 1, 2, 3, 4))).toEqual(['lost 5'])
  })

  test('at most once lets a message be missing, but not one that is counted as processed', () => {
    const under: Setting = { ...setting, delivery: 'at-most-once', durability: 'memory' }
    expect(checksOf(under, ledger(), effects(0, 1))).toEqual([])
    const told = ledger('counters [[3,3,0,0,0,0,0,0,0]]\n')
    expect(checksOf(under, told, effects(0, 1))).toEqual(['lost undefined'])
    expect(checksOf(under, ledger(), [...all, ...effects(3)])).toContain('twice 3')
  })

  test('sees a later message of a key before an earlier one', () => {
    const [first, second] = sameKey()
    const told = new Ledger()
    told.add(`send ${first} ${second}\nok 0:0:1 1:0:2\n`)
    expect(checksOf(setting, told, effects(first, second))).toEqual([])
    expect(checksOf(setting, told, effects(second, first))).toEqual([`out of order ${first}`])
  })

  test('takes a copy whose fate is unknown for one that may have come later', () => {
    const [first, second] = sameKey()
    const told = new Ledger()
    told.add(`send ${first} ${second}\nok 1:0:2\n`)
    told.add(`send ${first}\nok 0:0:3\n`)
    expect(checksOf(setting, told, effects(first, second))).toEqual([])
    expect(checksOf(setting, told, effects(second, first))).toEqual([])
  })

  test('asks for the dead letter of what always fails', () => {
    const under: Setting = { ...setting, failing: 1 }
    const id = Array.from({ length: 100 }, (_, i) => i).find((one) =>
      endsDead(messageOf(one, under)),
    ) as number
    const dead = (letters: string): Ledger => {
      const told = new Ledger()
      told.add(`send ${id}\nok 0:0:1\n${letters}`)
      return told
    }
    const letter = `letter ${JSON.stringify({ shard: 0, number: 1, sequence: 1, attempts: 3, id })}\n`
    expect(checksOf(under, dead(letter), [])).toEqual([])
    expect(checksOf(under, dead(''), [])).toEqual([`dead letters ${id}`])
    expect(checksOf(under, dead(letter + letter), [])).toEqual([`dead letters ${id}`])
    expect(checksOf(under, dead(letter), outputsOf(messageOf(id, under), false))).toEqual([
      `phantom ${id}`,
    ])
  })

  test('sums the transfers', () => {
    const under: Setting = { ...setting, bank: true }
    const transfers = [0, 1, 2, 3, 4, 5].flatMap((id) => outputsOf(messageOf(id, under), true))
    expect(checksOf(under, ledger(), transfers)).toEqual([])
    expect(checksOf(under, ledger(), transfers.slice(0, -1))).toEqual(['lost 5', 'sum undefined'])
  })
})

/** Two senders of one message, the first of which was told that it was processed. */
function bothTold(second: string): Ledger {
  const told = new Ledger()
  told.add(`send 0 0\nok 0:0:1:processed 1:0:2:${second}\n`)
  return told
}

/** Two ids of one key. */
function sameKey(): [number, number] {
  for (let second = 1; ; second++) {
    for (let first = 0; first < second; first++) {
      if (messageOf(first, setting).key === messageOf(second, setting).key) return [first, second]
    }
  }
}
