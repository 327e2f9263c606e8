import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { audit, type Books } from '../../examples/payments/audit.js'
import {
  closedShop,
  entriesOf,
  generatePayments,
  type Asked,
  type Entry,
} from '../../examples/payments/payment.js'
import { ownServer } from '../connectors/postgres/database.js'
import { hasServer } from '../connectors/postgres/server.js'
import { figure, runExample, scratch } from './main.js'

const own = ownServer()

describe.skipIf(!hasServer)('payments by HTTP into a ledger', () => {
  test('are booked once each, through two kills -9, and every reader finds them whole', async () => {
    const given = ['--payments', '200', '--kills', '2', '--dir', scratch()]
    const printed = await runExample('payments', ...given)
    expect(figure(printed, 'accepted')).toMatch(/^200 in /)
    expect(figure(printed, 'killed with -9')).toBe('2')
    expect(figure(printed, 'sent again')).toMatch(/^[1-9]\d* without an answer, 40 with one$/)
    expect(figure(printed, 'keys reused')).toMatch(/^20, /)
    expect(figure(printed, 'booked')).toMatch(/^190 with /)
    expect(figure(printed, 'refused')).toMatch(/^10; the last: .*foreign key.*kiosk/)
    expect(figure(printed, 'read meanwhile')).toMatch(/^[1-9]/)
  }, 180_000)

  test('are in a database that was given, as its tables say', async () => {
    const given = ['--payments', '60', '--kills', '1', '--postgres', own.server.url]
    await runExample('payments', ...given, '--dir', scratch())
    const rows = await own.server.ask(
      `SELECT payment, array_agg(account || ' ' || cents ORDER BY cents) AS entries FROM semel_payments.entries GROUP BY payment ORDER BY substr(payment, 9)::int`,
    )
    const due = generatePayments(20260101, 60)
      .map(({ from, to, cents }, at) => ({
        payment: `payment-${at + 1}`,
        entries: [`${from} ${-cents}`, `${to} ${cents}`],
      }))
      .filter(({ entries }) => !entries[1]?.startsWith(closedShop))
    expect(rows).toEqual(due)
  }, 180_000)
})

test('payments say what is missing where PostgreSQL is not installed', async () => {
  const main = fileURLToPath(new URL('../../build/js/examples/payments/main.js', import.meta.url))
  const nowhere = join(scratch(), 'nowhere')
  const run = promisify(execFile)(process.execPath, [main, '--programs', nowhere])
  await expect(run).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^PostgreSQL is not installed: install it .*\n$/),
  })
})

const one: Asked = { from: 'customer-1', to: 'books', cents: 700 }
const bad: Asked = { from: 'customer-2', to: closedShop, cents: 300 }
const bookingOf = (id: string, asked: Asked): Entry[] =>
  entriesOf({ ...asked, id, fingerprint: 'any' })
const booked = bookingOf('one', one)
const right: Books = {
  payments: new Map([
    ['one', one],
    ['bad', bad],
  ]),
  accepted: ['one', 'bad'],
  entries: booked,
  refused: ['bad'],
}

test('the audit finds nothing where there is nothing', () => {
  expect(audit(right)).toEqual([])
})

test.each<[what: string, books: Partial<Books>, found: RegExp]>([
  ['that was lost', { entries: [] }, /one: booked as \[\] instead of/],
  ['that was booked twice', { entries: [...booked, ...booked] }, /one: booked as .* instead of/],
  ['that was booked by half', { entries: booked.slice(1) }, /the sum of all entries: 700/],
  [
    'of another sum',
    { entries: bookingOf('one', { ...one, cents: 701 }) },
    /one: booked as \[customer-1 -701, books 701\] instead of \[customer-1 -700, books 700\]/,
  ],
  ['that nobody asked for', { entries: [...booked, ...bookingOf('other', one)] }, /other: booked/],
  ['that was never answered', { accepted: ['bad'] }, /one: never answered/],
  ['that was refused and booked', { refused: ['bad', 'one'] }, /one: refused 1 times/],
  ['whose refusal was lost', { refused: [] }, /bad: refused 0 times/],
])('the audit finds a payment %s', (_, books, found) => {
  expect(audit({ ...right, ...books }).join('\n')).toMatch(found)
})
