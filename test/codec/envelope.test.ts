import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dueMsOf, envelopeBytesAt, envelopeOf, headersOf } from '../../src/codec/envelope.js'
import { checkDueTime, dueMsMax } from '../../src/runtime/settings/due-time.js'
import { checkHeaders, headersBytesMax, headersMax, noHeaders } from '../../src/core/headers.js'

const dates = { min: new Date(0), max: new Date(dueMsMax), noInvalidDate: true } as const

const format = readFileSync(
  fileURLToPath(new URL('../../native/ring/FORMAT.md', import.meta.url)),
  'utf8',
)

/** As native/ring/FORMAT.md shows bytes: 16 a line. */
function dump(bytes: Uint8Array): string[] {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'))
  return Array.from(
    { length: Math.ceil(hex.length / 16) },
    (_, line) =>
      `${(line * 16).toString(16).padStart(4, '0')}  ${hex.slice(line * 16, line * 16 + 16).join(' ')}`,
  )
}

const text = fc.string({ unit: 'binary', maxLength: 30 })
const headers = fc.uniqueArray(
  fc.tuple(
    text.filter((name) => name !== ''),
    text,
  ),
  {
    maxLength: headersMax,
    selector: ([name]) => name,
  },
)

describe('an envelope', () => {
  test('has the bytes of the worked example', () => {
    const { bytes } = envelopeOf([['trace', 'é']], 1_700_000_000_000)
    expect(dump(bytes)).toEqual([
      '0000  c1 11 20 00 01 00 00 00 00 68 e5 cf 8b 01 00 00',
      '0010  05 00 74 72 61 63 65 02 00 c3 a9 00 00 00 00 00',
    ])
    for (const line of dump(bytes)) expect(format).toContain(line)
    expect(envelopeBytesAt(bytes, 0, bytes.length)).toBe(32)
  })

  test('gives back what it was made of, in front of any message, at any offset', () => {
    fc.assert(
      fc.property(
        headers,
        fc.option(fc.date(dates), { nil: undefined }),
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 0, max: 20 }),
        (names, at, message, offset) => {
          const dueMs = at?.getTime()
          const { bytes, isTimed } = envelopeOf(names, dueMs)
          const memory = Buffer.concat([Buffer.alloc(offset, 0xc1), bytes, message])
          const length = envelopeBytesAt(memory, offset, bytes.length + message.length)
          expect([length, length % 8]).toEqual([bytes.length, 0])
          const found = memory.subarray(offset, offset + length)
          expect(Object.entries(headersOf(found)).toSorted()).toEqual(names.toSorted())
          expect([dueMsOf(found), isTimed]).toEqual([dueMs ?? 0, dueMs !== undefined])
        },
      ),
    )
  })

  test('that is cut short, of another format, or no envelope is none', () => {
    const { bytes } = envelopeOf([['a', 'b']], 5)
    const changed = (at: number, byte: number): Uint8Array =>
      Buffer.from(bytes).fill(byte, at, at + 1)
    for (const other of [
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, 7),
      new Uint8Array(0),
      changed(0, 0xc0),
      changed(1, 0x21),
      changed(2, 8),
      changed(2, bytes.length - 1),
      changed(3, 0xff),
    ]) {
      expect(envelopeBytesAt(other, 0, other.length)).toBe(0)
    }
  })

  test('with any bytes is read within its bounds, or refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), (bytes) => {
        const memory = Buffer.from(bytes)
        memory[0] = 0xc1
        memory[1] = 0x10 | ((memory[1] as number) & 1)
        memory.writeUInt16LE(memory.length & ~7, 2)
        const length = envelopeBytesAt(memory, 0, memory.length)
        if (length === 0) return
        dueMsOf(memory.subarray(0, length))
        try {
          headersOf(memory.subarray(0, length))
        } catch (error) {
          expect((error as { code: string }).code).toBe('SEMEL_DAMAGED')
        }
      }),
    )
  })

  test('freezes its headers, which inherit nothing', () => {
    const found = headersOf(envelopeOf([['__proto__', 'x']]).bytes)
    expect(Object.isFrozen(found)).toBe(true)
    expect(Object.keys(found)).toEqual(['__proto__'])
    expect([found['toString'], found['__proto__']]).toEqual([undefined, 'x'])
    expect(headersOf(envelopeOf([], 1).bytes)).toBe(noHeaders)
  })
})

const code = expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' })

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

describe('headers', () => {
  test('may be up to the bounds', () => {
    const most = Object.fromEntries(Array.from({ length: headersMax }, (_, i) => [`n${i}`, '']))
    expect(checkHeaders(most, 'headers')).toHaveLength(headersMax)
    expect(checkHeaders({ a: 'x'.repeat(headersBytesMax - 1) }, 'headers')).toHaveLength(1)
    expect(checkHeaders(Object.create(null), 'headers')).toEqual([])
  })

  class Own {
    a = 'b'
  }
  const many = Object.fromEntries(Array.from({ length: headersMax + 1 }, (_, i) => [`n${i}`, '']))
  test.each<[string, unknown, RegExp]>([
    ['a text', 'x', /"x" are no headers/],
    ['null', null, /null are no headers/],
    ['an array', ['x'], /are no headers/],
    ['a Map', new Map([['a', 'b']]), /are no headers/],
    ['headers of fetch', new Headers({ a: 'b' }), /are no headers/],
    ['an instance of a class', new Own(), /are no headers/],
    ['a number for a text', { a: 1 }, /"a" is 1, which is no text/],
    ['undefined for a text', { a: undefined }, /"a" is undefined/],
    ['an empty name', { '': 'x' }, /a name is empty/],
    ['half of a pair in a text', { a: '\ud800' }, /surrogate/],
    ['half of a pair in a name', { '\udc00': 'a' }, /surrogate/],
    ['too many names', many, /65 names; give at most 64/],
    ['too many bytes', { a: 'é'.repeat(headersBytesMax / 2) }, /32769 bytes/],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('not today')
        },
      },
      /can't be read: not today/,
    ],
  ])('that are %s are refused', (_, given, why) => {
    const error = thrownBy(() => checkHeaders(given, 'send.headers')) as Error
    expect(error).toEqual(code)
    expect(error.message).toMatch(/^send\.headers: /)
    expect(error.message).toMatch(why)
  })
})

describe('a due time', () => {
  test.each<[unknown, number]>([
    [new Date(5), 5],
    [5, 5],
    [5.25, 6],
    [0, 0],
    [-1, 0],
    [new Date(-1), 0],
    [dueMsMax, dueMsMax],
  ])('%s is %i', (given, dueMs) => {
    expect(checkDueTime(given, 'send.at')).toBe(dueMs)
  })

  test.each([
    Number.NaN,
    Infinity,
    -Infinity,
    new Date(Number.NaN),
    dueMsMax + 1,
    '1h',
    '5',
    null,
    5n,
  ])('%s is none', (given) => {
    const error = thrownBy(() => checkDueTime(given, 'send.at')) as Error
    expect(error).toEqual(code)
    expect(error.message).toMatch(/^send\.at: .* is no time; give a Date, or milliseconds/)
  })
})
