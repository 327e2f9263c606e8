import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { iterable, iterableSource } from '../../src/connectors/iterable/source.js'
import type { Source } from '../../src/core/source.js'

async function batchesOf<T>(
  source: Source<T>,
  signal = new AbortController().signal,
  onBatch: (messages: T[]) => void | Promise<void> = () => {},
): Promise<T[][]> {
  const batches: T[][] = []
  for await (const { rows } of source.read({ offsets: new Map(), signal })) {
    const messages = rows.flatMap((row) => ('message' in row ? [row.message] : []))
    batches.push(messages)
    await onBatch(messages)
  }
  return batches
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const generator = function* (): Generator<number> {
  yield 1
  yield 2
}

const slow = async function* (): AsyncGenerator<number> {
  for (let i = 0; i < 5; i++) {
    yield i
    await sleep(5)
  }
}

const fast = async function* (): AsyncGenerator<number> {
  for (let i = 0; i < 4096; i++) yield i
}

const failing = function* (): Generator<number> {
  yield 1
  throw new Error('feed lost')
}

const failingLater = async function* (): AsyncGenerator<number> {
  yield* failing()
}

test('takes arrays, sets, generators, streams and functions that return them', async () => {
  for (const source of [
    iterableSource([1, 2]),
    iterableSource(new Set([1, 2])),
    iterableSource(generator()),
    iterableSource(generator),
    iterableSource(Readable.from([1, 2])),
    iterableSource(() => Readable.from([1, 2])),
  ]) {
    expect((await batchesOf(source as Source<unknown>)).flat()).toEqual([1, 2])
  }
})

test('gives each message of a slow iterable at once', async () => {
  expect(await batchesOf(iterableSource(slow))).toEqual([[0], [1], [2], [3], [4]])
})

test('gives a fast iterable in full batches', async () => {
  expect((await batchesOf(iterableSource(fast))).map((batch) => batch.length)).toEqual([
    1024, 1024, 1024, 1024,
  ])
})

test('reads ahead by no more than two batches while nobody asks', async () => {
  let given = 0
  const endless = async function* (): AsyncGenerator<number> {
    for (;;) yield given++
  }
  const abort = new AbortController()
  let batches = 0
  await batchesOf(iterableSource(endless), abort.signal, async () => {
    await sleep(5)
    batches++
    expect(given).toBeLessThanOrEqual((batches + 1) * 1024)
    if (batches === 4) abort.abort()
  })
})

describe('aborted', () => {
  test('while it waits for a message, it ends at once and calls return', async () => {
    let returned = false
    const silent: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          returned = true
          return { done: true, value: undefined }
        },
      }),
    }
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 10)
    expect(await batchesOf(iterableSource(silent), abort.signal)).toEqual([])
    expect(returned).toBe(true)
  })

  test('between batches of a generator, its finally runs', async () => {
    for (const asynchronous of [false, true]) {
      let cleaned = false
      const sync = function* (): Generator<number> {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          cleaned = true
        }
      }
      const async = async function* (): AsyncGenerator<number> {
        yield* sync()
      }
      const abort = new AbortController()
      await batchesOf(iterableSource<number>(asynchronous ? async : sync), abort.signal, () =>
        abort.abort(),
      )
      await sleep(1)
      expect(cleaned).toBe(true)
    }
  })
})

test('what it throws comes behind the messages before it', async () => {
  for (const messages of [failing, failingLater]) {
    const found: number[] = []
    const reading = batchesOf(iterableSource<number>(messages), undefined, (batch) => {
      found.push(...batch)
    })
    await expect(reading).rejects.toMatchObject({
      code: 'SEMEL_SOURCE',
      message: 'iterable: feed lost',
      cause: { message: 'feed lost' },
    })
    expect(found).toEqual([1])
  }
})

test.each([
  [() => iterableSource(7 as never), "7 can't be iterated"],
  [() => iterableSource(null as never), "null can't be iterated"],
  [() => iterableSource([], { name: '' }), '"" is not a name'],
  [() => iterableSource([], { nmae: 'a' } as never), 'there is no option "nmae"; there is name'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }) as unknown as Error,
  )
})

test('a function that returns nothing to iterate is named', async () => {
  await expect(
    batchesOf(iterableSource((() => 7) as never, { name: 'feed' })),
  ).rejects.toMatchObject({
    code: 'SEMEL_SOURCE',
    message: "feed: its function returned 7, which can't be iterated",
  })
})

test('goes by its older name too', () => {
  expect(iterable).toBe(iterableSource)
})
