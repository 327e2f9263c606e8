import { isDeepStrictEqual } from 'node:util'
import vm from 'node:vm'
import * as fc from 'fast-check'
import { Unpackr } from 'msgpackr/unpack'
import { describe, expect, test } from 'vitest'
import { Encoder } from '../../dist/codec/encoder.js'
import { Memory } from '../../dist/codec/memory.js'
import { TooLong, UnfitValue } from '../../dist/codec/unfit.js'
import { carried, refused } from './values.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 400)
const bytesMax = 2 ** 21

/** An encoder, and a reader that knows its shapes by what was saved of them alone. */
function codec(memoryBytes = 64, sharing = true) {
  const memory = new Memory(memoryBytes)
  let saved: string[][] = []
  const store = {
    load: () => [],
    save: (all: readonly (readonly string[])[]) => {
      saved = JSON.parse(JSON.stringify(all)) as string[][]
    },
  }
  const encoder = new Encoder(memory, sharing ? store : undefined)
  const unpackr = new Unpackr({
    ...(sharing ? { getStructures: () => JSON.parse(JSON.stringify(saved)) as string[][] } : {}),
    maxSharedStructures: 64,
    copyBuffers: true,
  } as never)
  return {
    memory,
    bytesOf(value: unknown, at = 0): Buffer {
      const end = encoder.encode(value, at, bytesMax)
      return Buffer.from(memory.bytes.subarray(at, end))
    },
    read: (bytes: Buffer): unknown => unpackr.unpack(new Uint8Array(bytes)),
  }
}

describe('what is carried', () => {
  test.each([true, false])('comes out as it went in, shapes shared: %s', (sharing) => {
    const { bytesOf, read } = codec(64, sharing)
    fc.assert(
      fc.property(fc.array(carried, { minLength: 1, maxLength: 4 }), (values) => {
        return values.every((value) => isDeepStrictEqual(read(bytesOf(value)), value))
      }),
      { numRuns },
    )
  })

  test('has no byte that was not written for it, wherever it begins and however the memory grows', () => {
    fc.assert(
      fc.property(carried, fc.integer({ min: 0, max: 100 }), (value, at) => {
        const [zeros, ones] = [0, 0xff].map((filling) => {
          const { memory, bytesOf } = codec(128 + at)
          memory.bytes.fill(filling)
          const reserve = memory.reserve.bind(memory)
          memory.reserve = (end) => {
            const before = memory.bytes.length
            reserve(end)
            memory.bytes.fill(filling, before)
          }
          return bytesOf(value, at)
        }) as [Buffer, Buffer]
        return zeros.equals(ones)
      }),
      { numRuns: numRuns / 4 },
    )
  })

  test('is read at the boundaries of lengths', () => {
    const { bytesOf, read } = codec()
    for (const length of [31, 32, 255, 256, 65_535, 65_536, 70_000]) {
      const list = Array.from({ length }, (_, at) => at % 7)
      const values = [
        ...['x', 'ß', '語', '😀'].map((letter) => letter.repeat(length / letter.length)),
        new Uint8Array(length).fill(7),
        new Float64Array(length).fill(1.5),
        list,
        Object.fromEntries(list.map((n, at) => [`k${at}`, n])),
        new Map(list.map((n, at) => [at, n])),
      ]
      for (const value of values) expect(isDeepStrictEqual(read(bytesOf(value)), value)).toBe(true)
    }
  })

  test('is read whatever shapes follow each other in one place', () => {
    const { bytesOf, read } = codec()
    // In the order of their names as well.
    const same = (value: unknown): boolean =>
      JSON.stringify(read(bytesOf(value))) === JSON.stringify(value)
    const shape = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 12 }), (shapes) => {
        const objects = shapes.map((names) =>
          Object.fromEntries(names.map((name, at) => [name, { [name]: at, list: [{ name }] }])),
        )
        return same(objects) && objects.every(same)
      }),
      { numRuns },
    )
  })

  test('keeps to 64 shared shapes, and is read behind them as well', () => {
    const { bytesOf, read } = codec()
    const objects = Array.from({ length: 200 }, (_, at) => ({ [`name${at}`]: at, last: { at } }))
    for (const object of [...objects, ...objects]) expect(read(bytesOf(object))).toEqual(object)
    expect(read(bytesOf(objects))).toEqual(objects)
  })

  test('comes from other realms too', () => {
    const { bytesOf, read } = codec()
    const foreign: unknown = vm.runInNewContext(
      '({ list: [1, [2]], at: new Date(5), map: new Map([[1, { a: 1 }]]), bytes: new Uint8Array([1, 2]), floats: new Float64Array([1.5]) })',
    )
    expect(read(bytesOf(foreign))).toEqual({
      list: [1, [2]],
      at: new Date(5),
      map: new Map([[1, { a: 1 }]]),
      bytes: new Uint8Array([1, 2]),
      floats: new Float64Array([1.5]),
    })
  })

  test('is what a getter or a proxy answered the one time it was asked', () => {
    const { bytesOf, read } = codec()
    let asked = 0
    const message = {
      get price() {
        return (asked += 1)
      },
      proxied: new Proxy(
        { a: 1 },
        {
          ownKeys: () => ((asked += 1), ['a']),
          get: (_, name) => (name === 'a' ? (asked += 1) : undefined),
        },
      ),
    }
    expect(read(bytesOf(message))).toEqual({ price: 1, proxied: { a: 3 } })
    expect(asked).toBe(3)
  })

  test('is what stood there when it was written, where a getter changes what is around it', () => {
    const { bytesOf, read } = codec()
    const message: Record<string, unknown> = {
      first: 1,
      get second() {
        delete message['third']
        message['fourth'] = 4
        return 2
      },
      third: 3,
    }
    expect(read(bytesOf(message))).toMatchObject({ first: 1, second: 2 })
    const map = new Map<unknown, unknown>()
    map
      .set('a', {
        get b() {
          map.clear()
          return 1
        },
      })
      .set('c', 2)
    expect(read(bytesOf(map))).toEqual(
      new Map<unknown, unknown>([
        ['a', { b: 1 }],
        ['c', 2],
      ]),
    )
  })

  test('is normalised in two cases: holes are undefined, an object without prototype has one', () => {
    const { bytesOf, read } = codec()
    // oxlint-disable-next-line no-sparse-arrays
    expect(read(bytesOf([1, , 3]))).toStrictEqual([1, undefined, 3])
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    expect(read(bytesOf(bare))).toStrictEqual({ a: 1 })
  })
})

describe('what is refused', () => {
  test.each(refused.map(([value, said]) => ({ value, said })))(
    'says so: $said',
    ({ value, said }) => {
      const { bytesOf, read } = codec()
      for (const message of [
        value,
        { value },
        [value],
        { deep: [{ value }] },
        new Map([[1, value]]),
      ]) {
        expect(() => bytesOf(message)).toThrow(UnfitValue)
        expect(() => bytesOf(message)).toThrow(said)
      }
      expect(read(bytesOf({ value: 1 }))).toEqual({ value: 1 })
    },
  )

  test('is named with its place', () => {
    const { bytesOf } = codec()
    const placed = (message: unknown): string | undefined => {
      try {
        bytesOf(message)
      } catch (error) {
        return (error as UnfitValue).path
      }
      return undefined
    }
    expect(placed({ items: [0, { when: Symbol('s') }] })).toBe('.items[1].when')
    expect(placed({ 'a b': { 1: new Set() } })).toBe("['a b']['1']")
    expect(placed(new Set())).toBe('')
  })

  test('is a message that never ends, before it fills the memory', () => {
    const { bytesOf, memory } = codec()
    const twice: unknown[] = []
    let list: unknown[] = twice
    for (let level = 0; level < 60; level++) {
      const next: unknown[] = []
      list.push(next, next)
      list = next
    }
    expect(() => bytesOf(twice)).toThrow(TooLong)
    expect(() => bytesOf('x'.repeat(bytesMax + 1))).toThrow(TooLong)
    expect(() => bytesOf(new Float64Array(bytesMax))).toThrow(TooLong)
    expect(() => bytesOf(Array.from({ length: 2 ** 22 }))).toThrow(TooLong)
    expect(memory.bytes.length).toBeLessThan(bytesMax * 4)
  })

  test('is a shape that can not be kept, and the next message may bring it again', () => {
    const memory = new Memory(64)
    let isFull = true
    const encoder = new Encoder(memory, {
      load: () => [],
      save: () => {
        if (isFull) throw new Error('no space')
      },
    })
    expect(() => encoder.encode({ a: 1 }, 0, 100)).toThrow(/no space/)
    isFull = false
    expect(encoder.encode({ a: 1 }, 0, 100)).toBe(2)
  })

  test('is a value that is encoded inside of another one', () => {
    const encoder = new Encoder(new Memory(64))
    const message = {
      get other() {
        return encoder.encode({ a: 1 }, 0, 100)
      },
    }
    expect(() => encoder.encode(message, 0, 100)).toThrow(/from inside/)
    expect(encoder.encode(1, 0, 100)).toBe(1)
  })
})
