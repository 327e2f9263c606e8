import type { StandardSchema } from 'semel'
import { random } from '../random.js'

/** What a shop asks for, as JSON. */
export interface Asked {
  /** The account that pays. */
  readonly from: string
  /** The shop's. */
  readonly to: string
  readonly cents: number
}

export interface Payment extends Asked {
  /** The request's `Idempotency-Key`. */
  readonly id: string
  /** Of the request, so that another one with this key is found out behind a restart too. */
  readonly fingerprint: string
}

/** One side of a booking: a row of the ledger. */
export interface Entry {
  readonly payment: string
  readonly account: string
  readonly cents: number
  readonly fingerprint: string
}

/** Both sides: outputs of one message, so that they are committed together and seen together. */
export function entriesOf({ id, from, to, cents, fingerprint }: Payment): Entry[] {
  return [
    { payment: id, account: from, cents: -cents, fingerprint },
    { payment: id, account: to, cents, fingerprint },
  ]
}

const customers = Array.from({ length: 20 }, (_, at) => `customer-${at + 1}`)
const shops = ['bakery', 'books', 'garage']

/** The accounts that the bank has. */
export const accounts = [...customers, ...shops]

/** Has given up its account: what is to be paid to it can't be booked. */
export const closedShop = 'kiosk'

/** What shops will ask for, one in twenty of it for an account that there is not. */
export function generatePayments(seed: number, count: number): Asked[] {
  const next = random(seed)
  const oneOf = (names: readonly string[]): string =>
    names[Math.floor(next() * names.length)] as string
  return Array.from({ length: count }, (_, at) => ({
    from: oneOf(customers),
    to: at % 20 === 11 ? closedShop : oneOf(shops),
    cents: 1 + Math.floor(next() * 10_000),
  }))
}

/** What a body must be: all else is answered 400, and reaches no stream. */
export const askedSchema: StandardSchema<unknown, Asked> = {
  '~standard': {
    version: 1,
    vendor: 'examples',
    validate(body) {
      const { from, to, cents } = (body ?? {}) as Partial<Record<keyof Asked, unknown>>
      if (typeof from !== 'string' || typeof to !== 'string') {
        return { issues: [{ message: 'give the accounts from and to' }] }
      }
      if (!Number.isSafeInteger(cents) || (cents as number) < 1) {
        return { issues: [{ message: 'cents: give a whole number from 1' }] }
      }
      return { value: { from, to, cents: cents as number } }
    },
  },
}

export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} €`
}
