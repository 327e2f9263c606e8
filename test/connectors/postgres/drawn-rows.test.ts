import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { committing, ownServer } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()

/** A type, values of it, and what the server's JSON of one of them is. */
interface Kind {
  readonly type: string
  readonly values: fc.Arbitrary<unknown>
  readonly back: (value: unknown) => unknown
}

const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((value) => value.replaceAll('\0', '').toWellFormed())
const same = (value: unknown): unknown => value
const digits = (value: unknown): string => String(value)

/** Where the server's calendar begins. */
const firstDay = new Date('-004713-11-24T00:00:00Z')

const scalars: readonly Kind[] = [
  { type: 'int2', values: fc.integer({ min: -32768, max: 32767 }), back: digits },
  { type: 'int4', values: fc.integer(), back: digits },
  { type: 'int8', values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), back: digits },
  { type: 'numeric', values: fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), back: digits },
  {
    type: 'float8',
    values: fc.double({ noDefaultInfinity: true, noNaN: true }),
    back: (value) => (Object.is(value, -0) ? '-0' : String(Number(value))),
  },
  { type: 'bool', values: fc.boolean(), back: (value) => (value === true ? 'true' : 'false') },
  { type: 'text', values: text, back: same },
  { type: 'varchar(20)', values: text.filter((value) => [...value].length <= 20), back: same },
  {
    type: 'bytea',
    values: fc.uint8Array({ maxLength: 20 }),
    back: (value) => `\\x${Buffer.from(value as Uint8Array).toString('hex')}`,
  },
  { type: 'uuid', values: fc.uuid(), back: same },
  {
    type: 'timestamptz',
    values: fc.date({ noInvalidDate: true, min: firstDay }),
    back: (value) => (value as Date).getTime(),
  },
  {
    type: 'jsonb',
    values: fc
      .jsonValue()
      // A null is the column's, and jsonb has no NUL.
      .map((value) => JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '')) as unknown)
      .filter((value) => value !== null && JSON.stringify(value).isWellFormed()),
    back: (value) => value,
  },
]

/** What came back, in the form of `back`. */
function parsed(type: string, value: string | null): unknown {
  if (value === null) return null
  if (type === 'timestamptz') return Number(value)
  if (type === 'jsonb') return JSON.parse(value)
  if (type === 'float8') return value === '-0' ? '-0' : String(Number(value))
  return value
}

const shownAs = (type: string, name: string): string => {
  if (type === 'timestamptz') return `(extract(epoch FROM ${name}) * 1000)::int8::text`
  return `${name}::text`
}

const drawn = fc.array(fc.constantFrom(...scalars), { minLength: 1, maxLength: 6 }).chain((kinds) =>
  fc.record({
    kinds: fc.constant(kinds),
    rows: fc.array(
      fc.tuple(...kinds.map(({ values }) => fc.option(values, { freq: 6, nil: null }))),
      { minLength: 1, maxLength: 40 },
    ),
    cuts: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 5 }),
  }),
)

describe.skipIf(!hasServer)('rows that are drawn', () => {
  test('come back as they were, however commits cut them', async () => {
    let tables = 0
    await fc.assert(
      fc.asyncProperty(drawn, async ({ kinds, rows, cuts }) => {
        const table = `drawn_${++tables}`
        const columns = kinds.map(({ type }, at) => `c${at} ${type}`)
        await own.server.ask(`CREATE TABLE ${table} (at int, ${columns.join(', ')})`)
        const commit = await committing<unknown>(own.server.url, { table })
        const outputs = rows.map((row, at) => ({
          at,
          ...Object.fromEntries(row.map((value, i) => [`c${i}`, value])),
        }))
        for (let from = 0, turn = 0; from < outputs.length; turn++) {
          const count = cuts[turn % cuts.length] as number
          await commit(...outputs.slice(from, from + count))
          from += count
        }
        await commit.connection.close()
        const read = kinds.map(({ type }, at) => `${shownAs(type, `c${at}`)} AS c${at}`)
        const back = await own.server.ask(`SELECT ${read.join(', ')} FROM ${table} ORDER BY at`)
        expect(back.length).toBe(rows.length)
        for (const [at, row] of rows.entries()) {
          for (const [i, { type, back: due }] of kinds.entries()) {
            const value = row[i]
            const held = parsed(type, back[at]?.[`c${i}`] as string | null)
            expect(held, `${type} of row ${at}`).toEqual(value === null ? null : due(value))
          }
        }
        await own.server.ask(`DROP TABLE ${table}`)
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  test('come back as arrays too', async () => {
    let tables = 0
    const arrays = fc
      .constantFrom(...scalars.filter(({ type }) => type !== 'jsonb'))
      .chain((kind) =>
        fc.record({
          kind: fc.constant(kind),
          values: fc.array(fc.array(fc.option(kind.values, { nil: null }), { maxLength: 8 }), {
            minLength: 1,
            maxLength: 10,
          }),
        }),
      )
    await fc.assert(
      fc.asyncProperty(arrays, async ({ kind, values }) => {
        const table = `arrays_${++tables}`
        await own.server.ask(`CREATE TABLE ${table} (at int, value ${kind.type}[])`)
        const commit = await committing<unknown>(own.server.url, { table })
        await commit(...values.map((value, at) => ({ at, value })))
        await commit.connection.close()
        const back = await own.server.ask(
          `SELECT ARRAY(SELECT ${shownAs(kind.type, 'one')} FROM unnest(value) AS one) AS texts FROM ${table} ORDER BY at`,
        )
        const held = back.map(({ texts }) =>
          (texts as (string | null)[]).map((one) => parsed(kind.type, one)),
        )
        expect(held).toEqual(
          values.map((one) => one.map((value) => (value === null ? null : kind.back(value)))),
        )
        await own.server.ask(`DROP TABLE ${table}`)
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})
