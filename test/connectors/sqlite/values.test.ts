import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RejectedOutputs } from 'semel'
import { connect, database, thrownBy } from './database.js'
import { positionAt } from 'semel/testing'

const position = positionAt(1)

const digits = fc
  .tuple(
    fc.constantFrom('', ' ', '\n', '\u00a0'),
    fc.constantFrom('', '-', '+', '0'),
    fc.oneof(fc.nat().map(String), fc.double({ noNaN: true }).map(String), fc.constant('.5')),
    fc.constantFrom('', '.', '.0', 'e1', 'E-2', 'x', '\0'),
    fc.constantFrom('', ' ', '\t', '\v'),
  )
  .map((parts) => parts.join(''))

const values: fc.Arbitrary<unknown> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })).map((codes) => String.fromCharCode(...codes)),
  digits,
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 2 ** 53, 2 ** 63, -(2 ** 63), 2 ** 64, 1e308, 5e-324),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
  fc.constantFrom(2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n),
  fc.uint8Array(),
  fc.boolean(),
  fc.constantFrom(null, undefined, new Date(0), {}, [], [1], Symbol('x'), () => 1, new Map()),
  fc.float32Array(),
)

/** Whether what came back, integers as bigint, is what was given. */
function isEqual(value: unknown, back: unknown): boolean {
  switch (typeof value) {
    case 'number':
      if (typeof back === 'bigint') return Number.isInteger(value) && BigInt(value) === back
      return value === back
    case 'bigint':
      if (typeof back === 'number') return Number.isInteger(back) && BigInt(back) === value
      return value === back
    case 'boolean':
      return back === (value ? 1n : 0n)
    default:
      if (!(value instanceof Uint8Array)) return value === back
      return back instanceof Uint8Array && Buffer.compare(value, back) === 0
  }
}

/** Writes values as rows with this property, without those that are refused; tells what stayed. */
async function written(
  path: string,
  options: { table: string } | { sql: string },
  given: readonly unknown[],
): Promise<unknown[]> {
  const connection = await connect(path, options)
  let outputs = given.map((value) => ({ value }))
  try {
    await connection.write(outputs, position)
  } catch (thrown) {
    const { rejected } = thrown as RejectedOutputs
    for (const reason of rejected.values()) expect(reason.message).toMatch(/; |refuses it/)
    outputs = outputs.filter((_, at) => !rejected.has(at))
    await connection.write(outputs, position)
  }
  await connection.close()
  return outputs.map(({ value }) => value)
}

const types = ['', 'BLOB', 'TEXT', 'VARCHAR(20)', 'INTEGER', 'BIGINT', 'REAL', 'DOUBLE PRECISION']
const others = ['NUMERIC', 'DECIMAL(10, 5)', 'BOOLEAN', 'DATE', 'DATETIME', 'JSON', 'ANY']
const strict = ['INT', 'INTEGER', 'REAL', 'TEXT', 'BLOB', 'ANY']

describe('a value that is accepted comes back equal', () => {
  test.each([
    ...[...types, ...others].map((type) => [type, ''] as const),
    ...strict.map((type) => [type, 'STRICT'] as const),
  ])('from a column %s %s', async (type, kind) => {
    const { path, db } = database(`CREATE TABLE rows (value ${type}) ${kind}`)
    await fc.assert(
      fc.asyncProperty(fc.array(values, { maxLength: 30 }), async (given) => {
        db.exec('DELETE FROM rows')
        const accepted = await written(path, { table: 'rows' }, given)
        const back = db.prepare('SELECT value FROM rows ORDER BY rowid').safeIntegers().all()
        expect(back).toHaveLength(accepted.length)
        for (const [at, value] of accepted.entries()) {
          const found = (back[at] as { value: unknown }).value
          if (isEqual(value, found)) continue
          expect.unreachable(`${String(value)} came back as ${String(found)}`)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('from a parameter of a statement', async () => {
    const { path, db } = database('CREATE TABLE rows (value)')
    await fc.assert(
      fc.asyncProperty(fc.array(values, { maxLength: 30 }), async (given) => {
        db.exec('DELETE FROM rows')
        const sql = 'INSERT INTO rows VALUES (@value)'
        const accepted = await written(path, { sql }, given)
        const back = db.prepare('SELECT value FROM rows ORDER BY rowid').safeIntegers().all()
        const wrong = accepted.filter(
          (value, at) => !isEqual(value, (back[at] as { value: unknown } | undefined)?.value),
        )
        expect([wrong, back.length]).toEqual([[], accepted.length])
      }),
      { numRuns: 40 },
    )
  })
})

describe('what is accepted', () => {
  test.each<[string, unknown, unknown, string]>([
    ['', 5, 5, 'integer'],
    ['', 5.5, 5.5, 'real'],
    ['', '007', '007', 'text'],
    ['INTEGER', 5, 5, 'integer'],
    ['INTEGER', 5.5, 5.5, 'real'],
    ['INTEGER', 'five', 'five', 'text'],
    ['REAL', 5, 5, 'real'],
    ['REAL', 5n, 5, 'real'],
    ['REAL', Infinity, Infinity, 'real'],
    ['TEXT', '007', '007', 'text'],
    ['TEXT', 'a\0b', 'a\0b', 'text'],
    ['DATETIME', '2026-11-28 08:00:00', '2026-11-28 08:00:00', 'text'],
    ['BOOLEAN', true, 1, 'integer'],
    ['BOOLEAN', false, 0, 'integer'],
    ['INTEGER', -0, 0, 'integer'],
    ['TEXT', null, null, 'null'],
  ])('by a column %s: %s', async (type, value, back, kind) => {
    const { path, db } = database(`CREATE TABLE rows (value ${type})`)
    expect(await written(path, { table: 'rows' }, [value])).toEqual([value])
    expect(db.prepare('SELECT value, typeof(value) AS kind FROM rows').get()).toEqual({
      value: back,
      kind,
    })
  })
})

describe('what is refused says why, and what to give', () => {
  test.each<[string, unknown, string]>([
    [
      'REAL',
      Number.NaN,
      `the column "value", REAL, can't hold NaN, SQLite would make it NULL; give null or a number`,
    ],
    ['', undefined, `the column "value" can't hold undefined; give null, or another value`],
    [
      'INTEGER',
      true,
      `the column "value", INTEGER, can't hold true; give 1 or 0, or declare the column BOOLEAN`,
    ],
    [
      'TEXT',
      new Date(0),
      `the column "value", TEXT, can't hold 1970-01-01T00:00:00.000Z; give its toISOString() or getTime()`,
    ],
    [
      'TEXT',
      5,
      `the column "value", TEXT, would turn the number 5 into a text; give a text, or declare the column for numbers`,
    ],
    [
      'DECIMAL',
      '12.50',
      `the column "value", DECIMAL, would turn the text "12.50" into a number; give the number, or declare the column TEXT`,
    ],
    [
      'INTEGER',
      2n ** 64n,
      `the column "value", INTEGER, can't hold 18446744073709551616n, SQLite's integers have 64 bits; give a text or bytes`,
    ],
    [
      'REAL',
      2n ** 53n + 1n,
      `the column "value", REAL, would round 9007199254740993n; give a number, or declare the column INTEGER`,
    ],
    ['TEXT', { a: 1 }, `the column "value", TEXT, can't hold { a: 1 }; give a text, its JSON say`],
    [
      'BLOB',
      new Float32Array(1),
      `the column "value", BLOB, can't hold Float32Array(1) [ 0 ]; give a Uint8Array`,
    ],
    [
      'TEXT',
      '\ud800',
      `the column "value", TEXT, is to hold "\\ud800", which has half a surrogate pair: SQLite would replace it; give a whole text`,
    ],
    [
      'INTEGER PRIMARY KEY',
      null,
      `the column "value", INTEGER, would make a number of its own out of null; leave the property out where that is meant`,
    ],
  ])('in a column %s: %s', async (type, value, message) => {
    const { path } = database(`CREATE TABLE rows (value ${type})`)
    const connection = await connect(path, { table: 'rows' })
    const thrown = await thrownBy(() => connection.write([{ value }], position))
    const { rejected } = thrown as RejectedOutputs
    expect(rejected.get(0)).toMatchObject({ code: 'SEMEL_OUTPUT', message })
  })
})
