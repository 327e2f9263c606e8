import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { orderOf, type Placed } from '../../examples/orders/order.js'
import { readLines } from '../../examples/read-lines.js'
import { Gateway, reading, readingsPerTick } from '../../examples/sensors/reading.js'
import {
  limitCents,
  transferOf,
  type Booked,
  type Refused,
} from '../../examples/transfers/transfer.js'
import { figure, runExample, scratch } from './main.js'

const seconds = 0.4

describe('orders', () => {
  test('are placed once each, in the order of their customer', async () => {
    const dir = scratch()
    const printed = await runExample('orders', '--seconds', String(seconds), '--dir', dir)
    const placed = readLines<Placed>(join(dir, 'orders.ndjson'), 2)
    const numbers = Array.from({ length: 500 * seconds }, (_, id) => id)
    expect(placed.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(numbers)
    const newest = new Map<number, number>()
    for (const { id, customer, total, attempts } of placed) {
      const { pieces, price } = orderOf(id)
      expect({ id, customer, total }).toEqual({
        id,
        customer: orderOf(id).customer,
        total: pieces * price,
      })
      if (id % 50 === 7) expect(attempts).toBeGreaterThan(1)
      expect(id).toBeGreaterThan(newest.get(customer) ?? -1)
      newest.set(customer, id)
    }
    expect(figure(printed, 'lost, repeated')).toBe('0, 0')
    expect(figure(printed, 'target')).toMatch(/^p99 ≤ 200 ms: (?:reached|MISSED), /)
  })
})

describe('transfers', () => {
  test('are booked once each, or refused, and no money comes or goes', async () => {
    const dir = scratch()
    const printed = await runExample('transfers', '--seconds', String(seconds), '--dir', dir)
    const ended = readLines<Booked | Refused>(join(dir, 'transfers.ndjson'), 2)
    expect(ended.toSorted((a, b) => a.id - b.id)).toEqual(
      Array.from({ length: 200 * seconds }, (_, id) => {
        const { from, to, cents } = transferOf(id)
        if (cents > limitCents) return { id, refused: `${cents} cents are over the limit` }
        const entries = [
          { account: from, cents: -cents },
          { account: to, cents },
        ]
        return { id, entries }
      }),
    )
    expect(figure(printed, 'sum of entries')).toBe('0')
  })
})

describe('sensors', () => {
  test('have each reading at the control loop once, and those that are too warm at the valves', async () => {
    const printed = await runExample('sensors', '--seconds', String(seconds))
    const gateway = new Gateway()
    let tooWarm = 0
    for (let tick = 0; tick < 1000 * (0.5 + seconds); tick++) {
      const view = new DataView(gateway.readings(tick, 0).buffer)
      for (let i = 0; i < readingsPerTick; i++) {
        if (view.getInt32(i * reading.bytes + reading.valueAt, true) > 25_000) tooWarm += 1
      }
    }
    expect(figure(printed, 'readings')).toMatch(/^90,000 in /)
    expect(figure(printed, 'turned away')).toBe('0')
    expect(figure(printed, 'lost, repeated')).toBe('0, 0')
    expect(figure(printed, 'actions')).toBe(tooWarm.toLocaleString('en'))
  })
})
