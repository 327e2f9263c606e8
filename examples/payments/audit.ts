import type { End } from 'semel'
import { atTheTill, openingCents, type Booking, type Payment } from './payment.js'
import type { Settlement } from './settle.js'
import type { PaidOut } from './settlement.pipeline.js'

export interface Books {
  readonly payments: readonly Payment[]
  /** Of payments that were sent again, how many. */
  readonly copies: number
  readonly ends: readonly End[]
  readonly bookings: readonly Booking[]
  readonly paidOut: readonly PaidOut[]
  readonly heldBack: Settlement['heldBack']
}

/** What does not add up; nothing, where every payment took effect once and no money came or went. */
export function audit({ payments, copies, ends, bookings, paidOut, heldBack }: Books): string[] {
  const wrong: string[] = []
  const expect = (what: string, found: number, wanted: number): void => {
    if (found !== wanted) wrong.push(`${what}: ${found} instead of ${wanted}`)
  }
  const booked = new Set(bookings.map(({ payment }) => payment))
  const count = (outcome: End['outcome']): number =>
    ends.filter((end) => end.outcome === outcome).length
  expect('bookings of one payment', bookings.length, booked.size)
  expect('payments at the till', Number(booked.has(atTheTill.id)), 1)
  expect('payments that ended', booked.size - 1 + count('dead-lettered'), payments.length)
  expect('copies that were dropped', count('duplicate'), copies)

  const left = new Map<string, number>()
  let sum = 0
  for (const { payment, entries, left: told } of bookings) {
    for (const { cents } of entries) sum += cents
    const { account, cents } = entries[0] as Booking['entries'][number]
    left.set(account, (left.get(account) ?? openingCents) + cents)
    expect(`left on ${account} behind ${payment}`, told, left.get(account) as number)
  }
  expect('the sum of all entries', sum, 0)

  const settled = paidOut
    .map(({ payment }) => payment)
    .concat(heldBack.map(({ booking }) => booking.payment))
  expect('bookings that are settled or held back', settled.length, booked.size)
  expect('of them different ones', new Set(settled).size, booked.size)
  return wrong
}
