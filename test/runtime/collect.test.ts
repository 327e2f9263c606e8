import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { at, collect, CollectError, fixed, forEach, frames, memory, pipeline } from 'semel'
import { describe, expect, it } from 'vitest'

const numbers = Array.from({ length: 5000 }, (_, i) => i)

const left = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('semel-collect-'))

async function* bytes(): AsyncGenerator<Uint8Array> {
  for (const value of [1, 2, 3]) yield new Uint8Array(new Float64Array([value]).buffer)
}

function* broken(): Generator<number> {
  yield 1
  throw new Error('no more')
}

describe('collect', () => {
  it.each(['at-most-once', 'at-least-once'] as const)('answers what comes out, %s', async (how) => {
    const before = left()
    const doubled = pipeline('doubled')
      .accepts<number>()
      .deliver(how)
      .filter((value) => value % 2 === 0)
      .map((value) => value * 2)
      .to(memory<number>())
    expect(await collect(doubled, numbers)).toEqual(
      numbers.filter((value) => value % 2 === 0).map((value) => value * 2),
    )
    expect(left()).toEqual(before)
  })

  it('knows copies, and asks no sink', async () => {
    const once = pipeline('once')
      .accepts<{ id: number }>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
      .to(
        forEach(
          () => {
            throw new Error('it is not to be called')
          },
          { idempotent: true },
        ),
      )
    expect(await collect(once, [{ id: 1 }, { id: 2 }, { id: 1 }])).toEqual([{ id: 1 }, { id: 2 }])
  })

  it('takes a configuration, frames, generators, and outputs that are no data', async () => {
    const scaled = pipeline(import.meta, 'scaled', (p, { scale }: { scale: number }) =>
      p
        .accepts(frames({ size: 8 }))
        .deliver('exactly-once', { id: at(0), window: '1h' })
        .map((frame) => () => frame.f64(0) * scale)
        .to(memory<() => number>()),
    )
    const outputs = await collect(scaled, bytes(), { config: { scale: 2 } })
    expect(outputs.map((output) => typeof output)).toEqual(['function', 'function', 'function'])
  })

  it('batches, and lets what is left of a batch go', async () => {
    const batched = pipeline('batched')
      .accepts<number>()
      .deliver('at-least-once')
      .batch(3, { within: '1h' })
      .to(memory<readonly number[]>())
    expect(await collect(batched, [1, 2, 3, 4])).toEqual([[1, 2, 3], [4]])
  })

  it('tries again, and tells of what failed for good, with what came out', async () => {
    const tries = new Map<number, number>()
    const picky = pipeline('picky')
      .accepts<number>()
      .deliver('at-least-once')
      .retry({ attempts: 2, backoff: fixed('1ms') })
      .tap((value) => {
        tries.set(value, (tries.get(value) ?? 0) + 1)
        if (value === 3 || (value === 1 && tries.get(1) === 1)) throw new Error(`not ${value}`)
      })
      .to(memory<number>())
    const failed = await collect(picky, [0, 1, 2, 3]).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(CollectError)
    const { failures, outputs, message } = failed as CollectError
    expect(message).toMatch(/^picky: 1 of the messages failed, the first at index 3: .*not 3/)
    expect(failures.map(({ index }) => index)).toEqual([3])
    expect(outputs.toSorted()).toEqual([0, 1, 2])
    expect(tries.get(3)).toBe(2)
  })

  it('tells of what was refused at the door', async () => {
    const any = pipeline('any').accepts<unknown>().deliver('at-most-once').to(memory<unknown>())
    await expect(collect(any, [1, () => 2])).rejects.toThrow(/the first at index 1: /)
  })

  it('throws what its messages throw, and leaves nothing', async () => {
    const before = left()
    const any = pipeline('any').accepts<number>().deliver('at-least-once').to(memory<number>())
    await expect(collect(any, broken())).rejects.toThrow('no more')
    expect(left()).toEqual(before)
  })

  it.each([['text'], [7], [undefined]])('refuses %o for messages', async (given) => {
    const any = pipeline('any').accepts<number>().deliver('at-most-once').to(memory<number>())
    await expect(collect(any, given as never)).rejects.toMatchObject({
      code: 'SEMEL_INVALID_ARGUMENT',
    })
  })
})
