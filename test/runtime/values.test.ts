import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { exponential, forEach, open, pipeline, type Stream } from 'semel'
import { expect, test } from 'vitest'
import { carried, refused } from '../codec/values.js'
import { scratch } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 12)

interface Message {
  readonly n: number
  readonly value: unknown
  readonly pad: string
}

/** Around the sender's buffer of 1 MiB, and far below it. */
const pads = fc.oneof(
  { weight: 20, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.integer({ min: 60_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 20 - 400, max: 2 ** 20 + 400 }) },
)
const messages = fc
  .array(fc.tuple(carried, pads), { minLength: 1, maxLength: 12 })
  .map((drawn) => drawn.map(([value, pad], n): Message => ({ n, value, pad: 'x'.repeat(pad) })))
/** After which messages the event loop has a turn. */
const ticks = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 })

async function sendAll(
  stream: Stream<Message>,
  all: readonly Message[],
  turns: readonly boolean[],
) {
  for (const [at, message] of all.entries()) {
    while (!stream.push(message)) await stream.ready()
    if (turns[at] === true) await new Promise((resolve) => setImmediate(resolve))
  }
}

function expectSame(found: readonly Message[], sent: readonly Message[]): void {
  const inOrder = found.toSorted((a, b) => a.n - b.n)
  expect(inOrder.map(({ n }) => n)).toEqual(sent.map(({ n }) => n))
  for (const [at, message] of sent.entries()) {
    if (!isDeepStrictEqual(inOrder[at], message)) expect(inOrder[at]).toStrictEqual(message)
  }
}

test.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)(
  'what is sent arrives as it was, and again at the next attempt: %s',
  async (delivery) => {
    await fc.assert(
      fc.asyncProperty(messages, ticks, fc.boolean(), async (sent, turns, isAsync) => {
        const found: Message[] = []
        const tried = new Set<number>()
        const builder = pipeline('values').accepts<Message>()
        const delivered =
          delivery === 'exactly-once'
            ? builder.deliver(delivery, { id: ({ n }) => `order-${n}`, window: '1h' })
            : builder.deliver(delivery)
        const stream = await open(
          delivered
            .retry({ attempts: 3, backoff: exponential(1) })
            .tap(({ n }) => {
              if (delivery === 'at-most-once' || n % 2 === 0 || tried.has(n)) return
              tried.add(n)
              throw new Error('the first time')
            })
            .map((message) => (isAsync ? Promise.resolve(message) : message))
            .to(forEach((message) => void found.push(message), { idempotent: true })),
          {
            dir: scratch(),
            workers: 0,
            ring: '16MiB',
            durability: delivery === 'at-most-once' ? 'memory' : 'process',
          } as never,
        )
        await sendAll(stream as never, sent, turns)
        await stream.drain()
        await stream.close()
        expectSame(found, sent)
      }),
      { numRuns },
    )
  },
)

test('what is a dead letter is listed as it was, and retried as it was, after a reopening too', async () => {
  await fc.assert(
    fc.asyncProperty(messages, ticks, async (sent, turns) => {
      const found: Message[] = []
      let fails = true
      const definition = pipeline('values')
        .accepts<Message>()
        .deliver('at-least-once')
        .retry({ attempts: 1 })
        .tap(() => {
          if (fails) throw new Error('not yet')
        })
        .to(forEach((message) => void found.push(message)))
      const options = { dir: scratch(), workers: 0, durability: 'process' } as const
      const stream = await open(definition, options)
      await sendAll(stream as never, sent, turns)
      await stream.drain()
      await stream.close()
      const again = await open(definition, options)
      const letters = [...again.deadLetters.list()]
      expectSame(
        letters.map(({ message }) => message as Message),
        sent,
      )
      fails = false
      for (const letter of letters) await again.deadLetters.retry(letter)
      await again.drain()
      await again.close()
      expectSame(found, sent)
    }),
    { numRuns },
  )
})

test('what a sender is told of is what the operators put out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(carried, { minLength: 1, maxLength: 5 }), async (values) => {
      const stream = await open(
        pipeline('results')
          .accepts<number>()
          .deliver('at-least-once')
          .map((n) => [values[n]])
          .to(forEach(() => {})),
        { dir: scratch(), workers: 0, durability: 'process', acknowledge: 'processed' },
      )
      for (const [n, value] of values.entries()) {
        const end = await stream.send(n)
        expect(end).toMatchObject({ outcome: 'processed' })
        const result = (end as { result: readonly unknown[] }).result
        if (!isDeepStrictEqual(result, [value])) expect(result).toStrictEqual([value])
      }
      await stream.close()
    }),
    { numRuns },
  )
})

test('what is refused names its place, and the messages around it arrive', async () => {
  const found: unknown[] = []
  const stream = await open(
    pipeline('refused')
      .accepts<unknown>()
      .deliver('at-least-once')
      .to(forEach((message) => void found.push(message))),
    { dir: scratch(), workers: 0, durability: 'process' },
  )
  for (const [at, [value]] of refused.entries()) {
    expect(stream.push({ at })).toBe(true)
    expect(() => stream.push({ at, value })).toThrow(/^message\.value/)
    await expect(stream.send([{ value }])).rejects.toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
  }
  await stream.drain()
  await stream.close()
  expect(found).toEqual(refused.map((_, at) => ({ at })))
})

test('a message that waits for room is what it was when it was sent', async () => {
  const found: number[] = []
  const stream = await open(
    pipeline('reused')
      .accepts<{ n: number; pad: string }>()
      .deliver('at-least-once')
      .to(forEach(({ n }) => void found.push(n))),
    { dir: scratch(), workers: 0, durability: 'process', ring: '64KiB' },
  )
  const message = { n: 0, pad: 'x'.repeat(1000) }
  const sent: Promise<unknown>[] = []
  for (let n = 0; n < 1500; n++) {
    message.n = n
    sent.push(stream.send(message))
  }
  await Promise.all(sent)
  await stream.drain()
  await stream.close()
  expect(found).toEqual(Array.from({ length: 1500 }, (_, n) => n))
})

test('a message that is sent from inside of another one is refused, and the outer one arrives', async () => {
  const found: unknown[] = []
  const stream: Stream<{ n: number }> = await open(
    pipeline('nested')
      .accepts<{ n: number }>()
      .deliver('exactly-once', {
        id: (message) => {
          if (message.n === 2) stream.push({ n: 20 })
          return message.n
        },
        window: '1h',
      })
      .to(forEach((message) => void found.push(message), { idempotent: true })),
    { dir: scratch(), workers: 0, durability: 'process' },
  )
  let inner: Promise<unknown> | undefined
  await stream.send({
    n: 1,
    get other() {
      inner = stream.send({ n: 10 })
      inner.catch(() => {})
      return 'outer'
    },
  } as never)
  await expect(inner).rejects.toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
  await expect(stream.send({ n: 2 })).rejects.toThrow(/from inside/)
  await stream.send({ n: 3 })
  await stream.drain()
  await stream.close()
  expect(found).toEqual([{ n: 1, other: 'outer' }, { n: 3 }])
})
