import { join } from 'node:path'
import { expect, test } from 'vitest'
import { audit, type Books } from '../../examples/payments/audit.js'
import {
  atTheTill,
  closedShop,
  generatePayments,
  openingCents,
  type Booking,
  type Payment,
} from '../../examples/payments/payment.js'
import type { PaidOut } from '../../examples/payments/settlement.pipeline.js'
import { readLines } from '../../examples/read-lines.js'
import { figure, runExample, scratch } from './main.js'

const payments = generatePayments(20260101, 200)

/** The straight computation: an account pays as long as it has enough. */
function bookable(): Payment[] {
  const left = new Map<string, number>()
  return payments.filter(({ account, cents }) => {
    const rest = (left.get(account) ?? openingCents) - cents
    if (rest >= 0) left.set(account, rest)
    return rest >= 0
  })
}

test('payments are booked once each, and settled, and no money comes or goes', async () => {
  const dir = scratch()
  const printed = await runExample('payments', '--seconds', '0.5', '--dir', dir)
  const booked = readLines<Booking>(join(dir, 'ledger.ndjson'), 1)
  const wanted = [...bookable(), atTheTill]
  expect(booked.map(({ payment }) => payment).toSorted()).toEqual(
    wanted.map(({ id }) => id).toSorted(),
  )
  const sum = booked.flatMap(({ entries }) => entries).reduce((total, one) => total + one.cents, 0)
  expect(sum).toBe(0)

  const paidOut = readLines<PaidOut[]>(join(dir, 'settlement.ndjson'), 1).flat()
  const payable = wanted.filter(({ shop }) => shop !== closedShop)
  expect(paidOut.toSorted((a, b) => a.payment.localeCompare(b.payment))).toEqual(
    payable
      .map(({ id, shop, cents }) => ({ payment: id, shop, cents }))
      .toSorted((a, b) => a.payment.localeCompare(b.payment)),
  )

  const refused = payments.length - bookable().length
  expect(refused).toBeGreaterThan(0)
  expect(figure(printed, 'refused')).toMatch(
    new RegExp(`^${refused}; the last: .*insufficient funds: account-\\d+ has `),
  )
  expect(figure(printed, 'copies dropped')).toBe('10')
  expect(figure(printed, 'at first')).toContain("the message's outcome is unknown")
  expect(figure(printed, 'sent again')).toBe('duplicate')
  expect(figure(printed, 'the first, late')).toBe('processed')
  expect(figure(printed, 'held back')).toMatch(new RegExp(`^${wanted.length - payable.length} `))
})

const booking = ({ id, account, shop, cents }: Payment, left: number): Booking => ({
  payment: id,
  entries: [
    { account, cents: -cents },
    { account: shop, cents },
  ],
  shop,
  cents,
  left,
})

const one: Payment = { id: 'payment-1', account: 'account-1', shop: 'books', cents: 700 }
const till = booking(atTheTill, openingCents - atTheTill.cents)
const made = booking(one, openingCents - one.cents)
const paid = [one, atTheTill].map(({ id, shop, cents }) => ({ payment: id, shop, cents }))
const right: Books = {
  payments: [one],
  copies: 0,
  ends: [{ shard: 0, sequence: 1, durability: 'disk', outcome: 'processed' }],
  bookings: [till, made],
  paidOut: paid,
  heldBack: [],
}

test('the audit finds nothing where there is nothing', () => {
  expect(audit(right)).toEqual([])
})

test.each<[what: string, books: Partial<Books>, found: RegExp]>([
  ['that was lost', { bookings: [till], paidOut: paid.slice(1) }, /payments that ended: 0/],
  [
    'that was booked twice',
    { bookings: [till, made, booking(one, openingCents - 2 * one.cents)] },
    /bookings of one payment: 3 instead of 2/,
  ],
  [
    'whose entries differ',
    {
      bookings: [
        till,
        { ...made, entries: [made.entries[0], { account: 'books', cents: 701 }] as never },
      ],
    },
    /the sum of all entries: 1 instead of 0/,
  ],
  ['that was not settled', { paidOut: paid.slice(1) }, /settled or held back: 1 instead of 2/],
])('the audit finds a payment %s', (_, books, found) => {
  expect(audit({ ...right, ...books }).join('\n')).toMatch(found)
})
