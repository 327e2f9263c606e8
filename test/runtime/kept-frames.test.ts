import * as fc from 'fast-check'
import { fixed, forEach, frames, pipeline, type Frame } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 15)
const size = 24

/** A frame whose every byte is its number's. */
const frameOf = (number: number): Uint8Array => new Uint8Array(size).fill(number)

const reads: readonly ((frame: Frame) => unknown)[] = [
  (frame) => frame.u8(0),
  (frame) => frame.u32(4),
  (frame) => frame.i32(4),
  (frame) => frame.f64(8),
  (frame) => frame.u64(16),
  (frame) => frame.copy(),
  (frame) => frame.bytes,
]

/** What a kept frame may say: its own bytes, or that it has ended. */
function expectOwn(frame: Frame, number: number): void {
  const own = frameOf(number)
  try {
    expect(frame.u8(3)).toBe(number)
    expect(frame.copy()).toEqual(own)
    expect(frame.bytes).toEqual(own)
  } catch (error) {
    expect(error).toMatchObject({ code: 'SEMEL_FRAME' })
  }
}

/** It is still its own: the message has not ended. */
async function later(frame: Frame, number: number): Promise<boolean> {
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  expect(frame.copy()).toEqual(frameOf(number))
  return true
}

const settings = () =>
  ({ ...small, dir: scratch(), workers: 0, shards: 1, durability: 'process' }) as const

test('a frame that is kept shows its own bytes or none, whoever has it and however long', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('now', 'later', 'fails'), { minLength: 2, maxLength: 40 }),
      fc.boolean(),
      async (ways, keysByFunction) => {
        const kept: [Frame, number][] = []
        const copies: [Uint8Array, number][] = []
        const keep = (frame: Frame): number => {
          const number = frame.u8(0)
          if (number === 255) return number
          for (const [earlier, of] of kept) expectOwn(earlier, of)
          kept.push([frame, number])
          copies.push([frame.copy(), number], [frame.bytes, number])
          return number
        }
        const attempts = new Map<number, number>()
        const begun = pipeline('kept').accepts(frames({ size })).deliver('at-least-once')
        const keyed = keysByFunction ? begun.keyBy(keep) : begun
        const written: number[] = []
        const definition = keyed
          .retry({ attempts: 2, backoff: fixed(0) })
          .filter((frame) => {
            const number = keep(frame)
            const way = ways[number]
            if (way === undefined || way === 'now') return true
            if (way === 'fails' && !attempts.has(number)) {
              attempts.set(number, 1)
              throw new Error('once')
            }
            return later(frame, number)
          })
          .to(
            forEach((bytes) => {
              expect(bytes).toEqual(frameOf((bytes as unknown as Uint8Array)[0] as number))
              written.push((bytes as unknown as Uint8Array)[0] as number)
            }),
          )
        const stream = await opened(definition, settings())
        await pushAll(
          stream,
          ways.map((_, number) => frameOf(number)),
        )
        await stream.drain({ timeout: 20_000 })
        for (const [frame, number] of kept) expectOwn(frame, number)
        // The ring goes round, over where they lay.
        await pushAll(
          stream,
          Array.from({ length: 3000 }, () => frameOf(255)),
        )
        for (const [frame, number] of kept) expectOwn(frame, number)
        await stream.drain({ timeout: 20_000 })
        for (const [copy, number] of copies) expect(copy).toEqual(frameOf(number))
        const own = written.filter((number) => number < 255)
        expect(own.toSorted((a, b) => a - b)).toEqual(ways.map((_, number) => number))
        await stream.close()
      },
    ),
    { numRuns },
  )
}, 120_000)

test.each(reads)('each read of a frame that has ended is refused: %#', async (read) => {
  let kept: Frame | undefined
  const definition = pipeline('ended')
    .accepts(frames({ size }))
    .deliver('at-least-once')
    .tap((frame) => {
      kept = frame
    })
    .to(forEach(() => {}))
  const stream = await opened(definition, settings())
  await pushAll(stream, [frameOf(1)])
  await stream.drain()
  const refused = expect.objectContaining({ code: 'SEMEL_FRAME' })
  expect(() => read(kept as Frame)).toThrow(refused)
  await stream.close()
  expect(() => read(kept as Frame)).toThrow(refused)
})

test('a frame that is put out inside of an object is refused as a dead letter that says so', async () => {
  const definition = pipeline('inside')
    .accepts(frames({ size }))
    .deliver('at-least-once')
    .retry({ attempts: 1 })
    .map((frame) => ({ frame }))
    .to(forEach((output) => JSON.stringify(output)))
  const stream = await opened(definition, settings())
  await pushAll(stream, [frameOf(1), frameOf(2)])
  await stream.drain()
  const [first, second] = [...stream.deadLetters.list()]
  expect(first?.history[0]?.error).toMatch(/frame\.copy\(\)/)
  expect(second?.history[0]?.code).toBe('SEMEL_FRAME')
})

const readsOf = (number: number) => [
  ...Array.from({ length: 5 }, () => RangeError),
  number,
  ...Array.from({ length: 3 }, () => RangeError),
]

test('a read at what is no number does not reach another frame', async () => {
  const seen: unknown[] = []
  const definition = pipeline('texts')
    .accepts(frames({ size }))
    .deliver('at-least-once')
    .tap((frame) => {
      for (const at of ['1', '0', true, null, [2], 0.5, NaN, -1, size]) {
        try {
          seen.push(frame.u8(at as number))
        } catch (error) {
          seen.push((error as Error).constructor)
        }
      }
    })
    .to(forEach(() => {}))
  const stream = await opened(definition, settings())
  await pushAll(stream, [frameOf(7), frameOf(8)])
  await stream.drain()
  expect(seen).toEqual([...readsOf(7), ...readsOf(8)])
})
