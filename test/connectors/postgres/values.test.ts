import { describe, expect, test } from 'vitest'
import { committing, ownServer, refusedBy, thrownBy, lastOf } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
let tables = 0

/** What a column of this type gives back, as texts, of values that were written together and alone. */
async function roundTrip(
  type: string,
  values: readonly unknown[],
  setup = '',
): Promise<(string | null)[]> {
  const table = `values ${++tables}`
  await own.server.ask(`${setup}; CREATE TABLE "${table}" (at int, value ${type})`)
  const commit = await committing<unknown>(own.server.url, { table })
  await commit(...values.map((value, at) => ({ at, value })))
  for (const [at, value] of values.entries()) await commit({ at: at + values.length, value })
  const rows = await own.server.ask(
    `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'iso_8601'; SELECT value::text FROM "${table}" ORDER BY at`,
  )
  const texts = rows.map(({ value }) => value as string | null)
  expect(texts.slice(values.length)).toEqual(texts.slice(0, values.length))
  return texts.slice(0, values.length)
}

async function refusals(type: string, values: readonly unknown[], setup = ''): Promise<string[]> {
  const table = `values ${++tables}`
  await own.server.ask(`${setup}; CREATE TABLE "${table}" (value ${type})`)
  const commit = await committing<unknown>(own.server.url, { table })
  const refused = await refusedBy(() => commit(...values.map((value) => ({ value }))))
  expect(Object.keys(refused)).toEqual(values.map((_, at) => String(at)))
  const [row] = await own.server.ask(`SELECT count(*)::int AS count FROM "${table}"`)
  expect(row).toEqual({ count: 0 })
  return Object.values(refused)
}

const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)

interface Case {
  readonly type: string
  /** Value → the text that the server gives back. */
  readonly held: readonly (readonly [unknown, string | null])[]
  readonly setup?: string
}

const cases: readonly Case[] = [
  {
    type: 'smallint',
    held: [
      [-32768, '-32768'],
      [32767n, '32767'],
      ['-1', '-1'],
      [-0, '0'],
      [null, null],
    ],
  },
  {
    type: 'int',
    held: [
      [-(2 ** 31), '-2147483648'],
      [2 ** 31 - 1, '2147483647'],
    ],
  },
  {
    type: 'bigint',
    held: [
      [-(2n ** 63n), '-9223372036854775808'],
      [2n ** 63n - 1n, '9223372036854775807'],
      [2 ** 60, '1152921504606846976'],
      ['9007199254740993', '9007199254740993'],
    ],
  },
  {
    type: 'numeric',
    held: [
      [0.1, '0.1'],
      [1e-7, '0.0000001'],
      [1e21, '1000000000000000000000'],
      [10n ** 40n + 1n, `1${'0'.repeat(39)}1`],
      ['-12.50', '-12.50'],
      [`0.${'0'.repeat(200)}1`, `0.${'0'.repeat(200)}1`],
      ['1e3', '1000'],
      [NaN, 'NaN'],
      [Infinity, 'Infinity'],
      [-Infinity, '-Infinity'],
    ],
  },
  {
    type: 'numeric(10, 2)',
    held: [
      [1.25, '1.25'],
      ['1.2500', '1.25'],
      [99_999_999.99, '99999999.99'],
      ['12.5e-1', '1.25'],
    ],
  },
  {
    type: 'double precision',
    held: [
      [0.1 + 0.2, '0.30000000000000004'],
      [Number.MAX_VALUE, '1.7976931348623157e+308'],
      [5e-324, '5e-324'],
      [-0, '-0'],
      [NaN, 'NaN'],
      [-Infinity, '-Infinity'],
      [2n ** 60n, '1.152921504606847e+18'],
    ],
  },
  {
    type: 'real',
    held: [
      [0.1, '0.1'],
      [1.5, '1.5'],
      [Math.fround(1 / 3), '0.33333334'],
      [123_456, '123456'],
      [NaN, 'NaN'],
    ],
  },
  {
    type: 'boolean',
    held: [
      [true, 'true'],
      [false, 'false'],
    ],
  },
  {
    type: 'text',
    held: [
      ['', ''],
      ['NULL', 'NULL'],
      [`a'b"c\\d{e},f\n\t\r`, `a'b"c\\d{e},f\n\t\r`],
      ['“日本” \u{1f680} é', '“日本” \u{1f680} é'],
      [' ', ' '],
      ['x'.repeat(100_000), 'x'.repeat(100_000)],
    ],
  },
  {
    type: 'varchar(3)',
    held: [
      ['abc', 'abc'],
      ['\u{1f680}\u{1f680}\u{1f680}', '\u{1f680}\u{1f680}\u{1f680}'],
    ],
  },
  { type: 'char(3)', held: [['abc', 'abc']] },
  {
    type: 'bytea',
    held: [
      [bytes, `\\x${Buffer.from(bytes).toString('hex')}`],
      [new Uint8Array(), '\\x'],
      [Buffer.from('abc').subarray(1), '\\x6263'],
    ],
  },
  {
    type: 'uuid',
    held: [
      ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
      [null, null],
    ],
  },
  {
    type: 'jsonb',
    held: [
      [{ b: [1, null, { c: 'd"\\' }] }, '{"b": [1, null, {"c": "d\\"\\\\"}]}'],
      ['text', '"text"'],
      [[1, 2], '[1, 2]'],
      [1e300, `1${'0'.repeat(300)}`],
      [null, null],
    ],
  },
  { type: 'json', held: [[{ a: 1 }, '{"a":1}']] },
  {
    type: 'timestamptz',
    held: [
      [new Date('2026-11-28T10:00:00.123Z'), '2026-11-28 10:00:00.123+00'],
      ['2026-11-28T10:00:00.123456+05:30', '2026-11-28 04:30:00.123456+00'],
      [new Date(0), '1970-01-01 00:00:00+00'],
      [new Date('0001-01-01T00:00:00Z'), '0001-01-01 00:00:00+00'],
      [new Date('0000-06-01T00:00:00Z'), '0001-06-01 00:00:00+00 BC'],
      [new Date('-000099-01-01T00:00:00Z'), '0100-01-01 00:00:00+00 BC'],
      [new Date('+010000-01-02T00:00:00Z'), '10000-01-02 00:00:00+00'],
      [new Date(8.64e15), '275760-09-13 00:00:00+00'],
      ['infinity', 'infinity'],
    ],
  },
  { type: 'timestamptz(3)', held: [[new Date(1), '1970-01-01 00:00:00.001+00']] },
  {
    type: 'timestamp',
    held: [
      ['2026-11-28T10:00:00', '2026-11-28 10:00:00'],
      ['2026-11-28 10:00:00.000001', '2026-11-28 10:00:00.000001'],
    ],
  },
  {
    type: 'date',
    held: [
      ['2026-02-28', '2026-02-28'],
      ['-infinity', '-infinity'],
    ],
  },
  { type: 'time', held: [['23:59:59.999999', '23:59:59.999999']] },
  { type: 'timetz', held: [['12:00:00+01:00', '12:00:00+01']] },
  { type: 'interval', held: [['P1Y2M3DT4H5M6.5S', 'P1Y2M3DT4H5M6.5S']] },
  {
    type: 'int[]',
    held: [
      [[1, null, -3], '{1,NULL,-3}'],
      [[], '{}'],
      [
        [
          [1, 2],
          [3, 4],
        ],
        '{{1,2},{3,4}}',
      ],
    ],
  },
  { type: 'bigint[]', held: [[[2n ** 63n - 1n, '-1'], '{9223372036854775807,-1}']] },
  {
    type: 'text[]',
    held: [
      [['a', 'NULL', '', '{"b\\"}', null, ','], `{a,"NULL","","{\\"b\\\\\\"}",NULL,","}`],
      [[['x']], '{{x}}'],
    ],
  },
  { type: 'bytea[]', held: [[[Uint8Array.of(0, 255)], '{"\\\\x00ff"}']] },
  { type: 'jsonb[]', held: [[[{ a: [1] }, [1, 2]], '{"{\\"a\\": [1]}","[1, 2]"}']] },
  {
    type: 'timestamptz[]',
    held: [
      [
        [new Date(0), '2026-01-01T00:00:00Z'],
        '{"1970-01-01 00:00:00+00","2026-01-01 00:00:00+00"}',
      ],
    ],
  },
  {
    type: 'mood',
    setup: `CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"')`,
    held: [[`it's "ok"`, `it's "ok"`]],
  },
  { type: 'inet', held: [['10.0.0.0/8', '10.0.0.0/8']] },
  { type: 'int4range', held: [['[1,5)', '[1,5)']] },
  { type: 'bit(3)', held: [['101', '101']] },
  { type: 'point', held: [['(1,2)', '(1,2)']] },
  {
    type: 'pair',
    setup: 'CREATE TYPE pair AS (a int, b text)',
    held: [['(1,"x y")', '(1,"x y")']],
  },
  {
    type: 'price',
    setup:
      'CREATE DOMAIN money_like AS numeric(6, 2); CREATE DOMAIN price AS money_like CHECK (value > 0)',
    held: [[12.34, '12.34']],
  },
  {
    type: '"a ""b"" type"',
    setup: `CREATE TYPE "a ""b"" type" AS ENUM ('x')`,
    held: [['x', 'x']],
  },
  { type: 'tags', setup: 'CREATE DOMAIN tags AS text[]', held: [[['a', 'b'], '{a,b}']] },
]

describe.skipIf(!hasServer)('a value', () => {
  test.each(cases)('of a $type comes back as it was', async ({ type, held, setup }) => {
    expect(
      await roundTrip(
        type,
        held.map(([value]) => value),
        setup,
      ),
    ).toEqual(held.map(([, text]) => text))
  })

  test.each<[type: string, values: readonly unknown[], why: RegExp, setup?: string]>([
    ['smallint', [32768, -32769n, 1.5, '01', true, NaN, 'x', undefined, new Date(0)], /can't hold/],
    ['bigint', [2n ** 63n, -(2n ** 63n) - 1n, 1e300, '1e3', ''], /can't hold/],
    ['numeric', ['1_000', 'abc', '0x10', '', '007', true, {}], /can't hold/],
    ['numeric(10, 2)', [0.005, '1.001', 1e-7], /would round .* to 2 decimals/],
    ['numeric(10, 2)', ['123456789.00', 10n ** 30n], /numeric field overflow/],
    ['double precision', [2n ** 60n + 1n], /would round/],
    ['double precision', ['1', true], /can't hold/],
    ['real', [0.1 + 0.2, 123_456_789, 2 ** 24 + 1], /would round/],
    ['real', [1e39], /out of range/],
    ['boolean', [0, 1, 'true', 't'], /give true or false/],
    ['text', [1, 2n, true, {}, new Date(0), Uint8Array.of(1)], /can't hold .*; give/],
    ['text', ['a\0b'], /NUL/],
    ['text', ['\ud800'], /half a surrogate pair/],
    ['varchar(3)', ['abcd', 'abc ', 'ab   '], /can't hold . characters; give up to 3/],
    ['char(3)', ['abcd', 'abc '], /can't hold 4 characters; give up to 3/],
    ['name', ['x'.repeat(64), 'é'.repeat(32)], /can't hold 64 bytes; give up to 63/],
    ['bytea', ['\\x00', [1, 2], new Uint16Array(2)], /give a Uint8Array/],
    ['uuid', ['not one', 'NULL'], /invalid input syntax for type uuid/],
    ['jsonb', [1n, undefined, () => 1], /no JSON|undefined/],
    ['jsonb', ['\0'], /unsupported Unicode|\\u0000/],
    ['timestamptz', ['2026-11-28T10:00:00', 'now', '01/02/2000', 0, new Date(NaN)], /can't hold/],
    ['timestamptz', ['2026-11-28T10:00:00.1234567Z'], /would round .* to 6 digits/],
    ['timestamptz(0)', [new Date(1), '2026-11-28T10:00:00.5Z'], /would round .* to 0 digits/],
    ['timestamptz', ['2026-02-30T10:00:00Z'], /out of range/],
    ['timestamp', [new Date(0), '2026-11-28T10:00:00Z', '2026-11-28 10:00+01'], /without a zone/],
    ['date', [new Date(0), '28.11.2026', 'today', '2026-11-28T00:00:00'], /can't hold/],
    ['interval', ['1 day', '-1 2:00:00', 'P'], /can't hold/],
    [
      'int[]',
      [1, '{1}', [1.5], [undefined], Object.assign([], { 1: 1 }), [[]], Uint8Array.of(1)],
      /can't hold|undefined/,
    ],
    [
      'int[]',
      [
        [[1], [2, 3]],
        [1, [2]],
      ],
      /malformed array|multidimensional/,
    ],
    ['varchar(2)[]', [['abc']], /can't hold|too long/],
    ['numeric(4, 1)[]', [[1.25]], /would round|overflow/],
    ['inet', ['not an address'], /invalid input syntax/],
    ['bit(3)', ['1010', '1'], /bit string length/],
    ['level', ['high'], /invalid input value for enum/, `CREATE TYPE level AS ENUM ('low')`],
    ['short', ['abcd'], /can't hold 4 characters|too long/, 'CREATE DOMAIN short AS varchar(3)'],
    ['above', [-1], /violates check constraint/, 'CREATE DOMAIN above AS int CHECK (value > 0)'],
    [
      'shorts',
      [['abcd']],
      /can't hold|too long/,
      'CREATE DOMAIN sh AS varchar(3); CREATE DOMAIN shorts AS sh[]',
    ],
  ])('that a %s would change is refused: %o', async (type, values, why, setup) => {
    for (const reason of await refusals(type, values, setup)) expect(reason).toMatch(why)
  })

  test('is looked at in the parameters of a statement', async () => {
    await own.server.ask(
      'CREATE TABLE stated (id bigint, price numeric, at timestamptz, doc jsonb)',
    )
    const commit = await committing<unknown>(own.server.url, {
      sql: 'INSERT INTO stated SELECT * FROM unnest($1::int8[], $2::numeric[], $3::timestamptz[], $4::jsonb[])',
      parameters: ['id', 'price', 'at', 'doc'],
    })
    const good = { id: 2n ** 62n + 1n, price: '0.10', at: new Date(5), doc: { a: [1, '"'] } }
    await commit(good, { ...good, price: null, doc: null })
    expect(
      await refusedBy(() => commit(good, { ...good, at: '1970-01-01' }, { ...good, id: 0.5 }, 7)),
    ).toEqual({
      1: expect.stringMatching(
        /^the parameter \$3, .*, can't hold "1970-01-01"; give a Date/,
      ) as string,
      2: expect.stringMatching(/^the parameter \$1/) as string,
      3: expect.stringMatching(/takes objects with id, price, at, doc, and 7 is none/) as string,
    })
    const rows = await own.server.ask('SELECT id::text, price::text, at, doc FROM stated')
    const held = { id: '4611686018427387905', price: '0.10', at: new Date(5), doc: { a: [1, '"'] } }
    expect(rows).toEqual([held, { ...held, price: null, doc: null }])
  })

  test('is no secret of the process’s own settings', async () => {
    // What others set for all of pg changes neither epochs nor types.
    const { types } = await import('pg')
    types.setTypeParser(20, () => 7 as never)
    types.setTypeParser(16, () => 'yes' as never)
    try {
      await own.server.ask('CREATE TABLE parsed (id bigint)')
      const commit = await committing<unknown>(own.server.url, { table: 'parsed' })
      await commit({ id: 1 })
      expect(await lastOf(commit.connection)).toEqual({ lineage: 'A', epoch: 1, n: 1 })
      await expect(thrownBy(() => commit({ id: 'x' }))).resolves.toMatchObject({
        name: 'RejectedOutputs',
      })
    } finally {
      types.setTypeParser(20, String as never)
      types.setTypeParser(16, ((text: string) => text === 't') as never)
    }
  })
})
