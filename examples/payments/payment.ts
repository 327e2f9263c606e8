import { random } from '../random.js'

/** Amounts are in cents. */
export interface Payment {
  readonly id: string
  readonly account: string
  readonly shop: string
  readonly cents: number
}

/** A payment that the bank has made. */
export interface Booking {
  readonly payment: string
  /** Both sides in one output: they are committed together and seen together. */
  readonly entries: readonly { readonly account: string; readonly cents: number }[]
  readonly shop: string
  readonly cents: number
  /** What the paying account has left. */
  readonly left: number
}

export const shops = ['bakery', 'books', 'garage', 'kiosk']

/** Has given up its own account, so that it can't be paid out. */
export const closedShop = 'kiosk'

/** What an account holds at first. */
export const openingCents = 50_000
const accounts = 20

/** Payments of which some ask for more than their account has left. */
export function generatePayments(seed: number, count: number): Payment[] {
  const next = random(seed)
  return Array.from({ length: count }, (_, i) => ({
    id: `payment-${i + 1}`,
    account: `account-${1 + Math.floor(next() * accounts)}`,
    shop: shops[Math.floor(next() * shops.length)] as string,
    cents: 100 + Math.floor(next() * (openingCents / 10)),
  }))
}

/** From so much on the bank asks its customer, which takes longer than a till waits. */
export const askedFromCents = 40_000

/** The one that is paid at a till: the shop waits for its outcome. */
export const atTheTill: Payment = {
  id: 'payment-at-the-till',
  account: 'account-of-the-customer',
  shop: 'garage',
  cents: askedFromCents,
}

export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} €`
}
