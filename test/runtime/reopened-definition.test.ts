import { join } from 'node:path'
import * as fc from 'fast-check'
import { readFileSync, writeFileSync } from 'node:fs'
import {
  fixed,
  forEach,
  frames,
  open,
  pipeline,
  SemelError,
  type Definition,
  type NamedPipeline,
} from 'semel'
import { inspectDirectory, repairDirectory } from 'semel/directory'
import { describe, expect, test } from 'vitest'
import { LetterReader } from '../../src/runtime/failures/letter-reader.js'
import { frameTypes } from '../../src/native/slots.js'
import { opened, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 200)

type Accepts = 'objects' | number

/** Takes what it is told, and fails where it is to. */
function taking(accepts: Accepts, seen: unknown[] = [], fails = false): Definition<never> {
  const named = pipeline('taking')
  const begun = accepts === 'objects' ? named.accepts() : named.accepts(frames({ size: accepts }))
  return (begun as ReturnType<NamedPipeline['accepts']>)
    .deliver('at-least-once')
    .retry({ attempts: 1 })
    .map((message: unknown) => {
      if (fails) throw new Error('not today')
      seen.push(accepts === 'objects' ? message : [...(message as { copy(): Uint8Array }).copy()])
      return 0
    })
    .to(forEach(() => {})) as Definition<never>
}

const said = (accepts: Accepts): string =>
  accepts === 'objects' ? 'objects' : `frames of ${accepts} bytes`

describe('a directory', () => {
  test.each<[Accepts, Accepts]>([
    ['objects', 8],
    [16, 'objects'],
    [16, 8],
    [8, 9],
  ])('of %s is refused to a pipeline of %s, and keeps all it has', async (was, is) => {
    const dir = scratch()
    const options = { ...small, dir, workers: 0 } as const
    const message = was === 'objects' ? { id: 7 } : new Uint8Array(was).fill(7)
    const first = await opened(taking(was, [], true), options)
    await first.send(message as never)
    await first.drain()
    await first.close()
    expect(inspectDirectory(dir).accepts).toEqual(
      was === 'objects' ? { kind: 'object' } : { kind: 'frames', size: was },
    )

    const refused = await open(taking(is), options).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(SemelError)
    expect(refused).toMatchObject({
      code: 'SEMEL_MISMATCH',
      message: `${dir} was made with accepts ${said(was)}, not ${said(is)}; open it so, or use another directory`,
    })

    const seen: unknown[] = []
    const again = await opened(taking(was, seen), options)
    const [letter] = [...again.deadLetters.list()]
    expect(letter?.message).toEqual(message)
    await again.deadLetters.retry(letter as never)
    await again.drain()
    expect(seen).toEqual([was === 'objects' ? message : [...(message as Uint8Array)]])
  })

  test('of another pipeline is refused by its name', async () => {
    const dir = scratch()
    await (await opened(taking('objects'), { ...small, dir, workers: 0 })).close()
    const other = pipeline('other')
      .accepts()
      .deliver('at-least-once')
      .to(forEach(() => {}))
    await expect(open(other, { ...small, dir, workers: 0 })).rejects.toMatchObject({
      code: 'SEMEL_MISMATCH',
      message: expect.stringContaining('pipeline taking, not other') as string,
    })
  })
})

describe('a dead letter that can not be decoded', () => {
  test('is listed with its bytes, hides no other, and can be dropped and retried', async () => {
    const dir = scratch()
    const options = { ...small, dir, workers: 0 } as const
    const first = await opened(taking('objects', [], true), options)
    for (const message of [{ a: 1 }, [1, 2], { b: 'two' }, 'text']) {
      await first.send(message as never)
    }
    await first.drain()
    await first.close()
    // The shapes of objects are lost: what was stored as one of them means nothing any more.
    const path = join(dir, 'structures')
    writeFileSync(path, readFileSync(path).subarray(0, 3))
    expect(repairDirectory(dir).refusals).toEqual([])

    const seen: unknown[] = []
    const again = await opened(taking('objects', seen), options)
    const letters = [...again.deadLetters.list()]
    expect(letters.map(({ number }) => number)).toEqual([1, 2, 3, 4])
    expect(letters.map(({ message }) => message)).toEqual([undefined, [1, 2], undefined, 'text'])
    const [lost, list, other] = letters as Required<(typeof letters)[0]>[]
    expect(lost?.undecodable).toMatch(/./)
    expect(lost?.payload).toBeInstanceOf(Buffer)
    expect(lost?.payload.length).toBeGreaterThan(0)
    expect(lost?.history[0]?.error).toBe('Error: not today')
    await again.deadLetters.retry(list as never)
    await again.deadLetters.drop(other as never)
    await again.deadLetters.retry(lost as never)
    await again.drain()
    expect(seen).toEqual([[1, 2]])
    // What was tried again and is no message still is a letter, a new one.
    expect([...again.deadLetters.list()].map(({ number }) => number)).toEqual([4, 5])
  })

  test('may be any bytes, of any kind of message', () => {
    const letter = { number: 1, sequence: 1, timeMs: 0, attempts: 1, history: '' }
    const kinds = [undefined, { kind: 'object' }, { kind: 'frames', size: 8 }] as const
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(...kinds),
        fc.constantFrom(...Object.values(frameTypes)),
        fc.constantFrom('', '[]', '[{"attempt":1', '\u0000'),
        (bytes, accepts, type, history) => {
          const reader = new LetterReader(accepts, () => [])
          const payload = Buffer.from(bytes)
          const read = reader.read({ ...letter, type, payload, history }, 3)
          expect(read).toMatchObject({ shard: 3, number: 1, history: [] })
          if (read.undecodable !== undefined) expect([...(read.payload ?? [])]).toEqual([...bytes])
          if (type === frameTypes.malformed) expect(typeof read.malformed?.text).toBe('string')
          if (accepts?.kind === 'frames' && type !== frameTypes.malformed) {
            expect(read.message).toEqual(bytes.length === 8 ? bytes : undefined)
          }
        },
      ),
      { numRuns },
    )
  })
})

test('keys that are made otherwise from one opening to the next lose order, and no message', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 5 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 30 }),
      fc.constantFrom(0, 1),
      async (shards, before, later, workers) => {
        const dir = scratch()
        const seen: number[] = []
        let isMended = false
        const keyed = (attempts: number, keyBy: (message: { n: number }) => string) =>
          pipeline('keys')
            .accepts<{ n: number }>()
            .deliver('at-least-once')
            .keyBy(keyBy)
            .retry({ attempts, backoff: fixed(1) })
            .to(
              forEach(({ n }) => {
                if (!isMended) throw new Error('not today')
                seen.push(n)
              }),
            )
        const options = { ...small, dir, shards, workers: 0 } as const
        const old = await opened(
          keyed(workers + 1, ({ n }) => `old ${n}`),
          options,
        )
        for (let n = 0; n < before; n++) await old.send({ n })
        // Where a message has one attempt alone, they are letters; else parked, or not tried yet.
        if (workers === 0) await old.drain()
        await old.close({ timeout: 0 }).catch(() => {})
        isMended = true
        const renamed = await opened(
          keyed(3, ({ n }) => `new ${n % 3}`),
          options,
        )
        for (const letter of renamed.deadLetters.list()) await renamed.deadLetters.retry(letter)
        for (let n = 0; n < later; n++) await renamed.send({ n: before + n })
        await renamed.drain()
        expect(seen.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: before + later }, (_, n) => n),
        )
        expect([...renamed.deadLetters.list()]).toEqual([])
        await renamed.close()
      },
    ),
    { numRuns: Math.min(numRuns, 10) },
  )
})
