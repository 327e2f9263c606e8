import { file, fixed, memory, memorySource, pipeline, type Definition } from 'semel'
import { inspectDirectory } from 'semel/directory'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { opened, pushAll, scratch, small } from './verbs.js'

interface Order {
  id: number
  amount: number
}

describe.each(['at-least-once', 'exactly-once'] as const)('dead letters, %s', (delivery) => {
  /** Orders of the customers that are trusted; the others fail. */
  function shop(trusted: Set<number>) {
    const sink = memory<number>()
    const orders = pipeline('shop').accepts<Order>()
    const delivered =
      delivery === 'exactly-once'
        ? orders.deliver(delivery, { id: ({ id }) => id, window: '1h' })
        : orders.deliver(delivery)
    const definition: Definition<Order> = delivered
      .map((order) => {
        if (!trusted.has(order.id)) throw new RangeError(`order ${order.id} is not trusted`)
        return order.id
      })
      .retry({ attempts: 2, backoff: fixed(1) })
      .to(sink)
    return { definition, sink }
  }

  test('are listed with message, attempts and history, over a reopen too', async () => {
    const dir = scratch()
    const { definition } = shop(new Set([1]))
    const first = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(first, [
      { id: 1, amount: 1 },
      { id: 2, amount: 2 },
    ])
    await first.drain()
    await first.close()
    const second = await opened(definition, { ...small, dir, workers: 0 })
    const [letter, ...others] = [...second.deadLetters.list()]
    expect(others).toEqual([])
    expect(letter).toMatchObject({
      shard: 0,
      number: 1,
      sequence: 2,
      attempts: 2,
      message: { id: 2, amount: 2 },
    })
    expect(letter?.history.map(({ error }) => error)).toEqual([
      'RangeError: order 2 is not trusted',
      'RangeError: order 2 is not trusted',
    ])
  })

  test('that are retried take effect once, however often that is asked', async () => {
    const dir = scratch()
    const trusted = new Set<number>()
    const { definition, sink } = shop(trusted)
    const stream = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(stream, [{ id: 7, amount: 1 }])
    await stream.drain()
    trusted.add(7)
    const [letter] = [...stream.deadLetters.list()]
    if (letter === undefined) throw new Error('there is no dead letter')
    await stream.deadLetters.retry(letter)
    if (delivery === 'exactly-once') await stream.deadLetters.retry(letter).catch(() => {})
    await stream.drain()
    expect(sink.outputs).toEqual([7])
    expect([...stream.deadLetters.list()]).toEqual([])
    await expect(stream.deadLetters.retry(letter)).rejects.toThrow(
      'shard 0 has no open dead letter 1; list them for their numbers',
    )
    await stream.close()
    expect(inspectDirectory(dir).shards[0]).toMatchObject({ deadLettersOpen: 0, processed: 1 })
  })

  test('that fail again are new ones', async () => {
    const { definition } = shop(new Set())
    const stream = await opened(definition, { ...small, dir: scratch(), workers: 0 })
    await pushAll(stream, [{ id: 7, amount: 1 }])
    await stream.drain()
    await stream.deadLetters.retry({ shard: 0, number: 1 })
    await stream.drain()
    expect([...stream.deadLetters.list()].map(({ number }) => number)).toEqual([2])
  })

  test('that are dropped are gone, also after a reopen', async () => {
    const dir = scratch()
    const { definition, sink } = shop(new Set())
    const stream = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(stream, [{ id: 7, amount: 1 }])
    await stream.drain()
    await stream.deadLetters.drop({ shard: 0, number: 1 })
    await expect.poll(() => [...stream.deadLetters.list()]).toEqual([])
    await stream.close()
    const again = await opened(definition, { ...small, dir, workers: 0 })
    expect([...again.deadLetters.list()]).toEqual([])
    expect(sink.outputs).toEqual([])
  })
})

test('a malformed row is listed with its place, and is not retried', async () => {
  const dir = scratch()
  const definition = pipeline('rows')
    .accepts<Order>()
    .deliver('at-least-once')
    .to(file(join(dir, 'out.ndjson')))
  const stream = await opened(definition, { ...small, dir: join(dir, 'data'), workers: 0 })
  const rows = memorySource<Order>([{ id: 1, amount: 1 }])
  await stream.consume({
    ...rows,
    async *read() {
      yield {
        partition: rows.partitions[0] as string,
        rows: [{ malformed: { text: '{"id":', line: 9, reason: 'no JSON' }, offset: 1 }],
        offset: 1,
      }
    },
  })
  await stream.drain()
  const [letter] = [...stream.deadLetters.list()]
  expect(letter).toMatchObject({ malformed: { text: '{"id":', line: 9, reason: 'no JSON' } })
  await expect(stream.deadLetters.retry({ shard: 0, number: 1 })).rejects.toThrow(
    'is a row that could not be read, and so no message to send again; send the corrected row as a new message, then drop the letter',
  )
})

/** Orders end as letters, and as outputs from when the shop is mended; `isShut` parks them before that. */
function mendable(how: 'no id' | 'producer' | 'id') {
  const sink = memory<number>()
  const state = { isMended: false, isShut: false }
  const orders = pipeline('once').accepts<Order>()
  const delivered = {
    'no id': () => orders.deliver('at-least-once'),
    producer: () =>
      orders.deliver('exactly-once', {
        producer: ({ id }) => ({ id: 'till', epoch: 1, sequence: id }),
      }),
    id: () => orders.deliver('exactly-once', { id: ({ id }) => id, window: '1h' }),
  }[how]() as ReturnType<typeof orders.deliver<'at-least-once'>>
  const definition: Definition<Order> = delivered
    .map((order, { attempt }) => {
      if (!state.isMended) throw new RangeError(`order ${order.id} is not trusted`)
      if (state.isShut && attempt === 1) throw new RangeError('shut')
      return order.id
    })
    .retry({ attempts: 2, backoff: fixed(20) })
    .to(sink)
  return { definition, sink, state }
}

describe('a letter goes once', () => {
  const ways = ['no id', 'producer', 'id'] as const
  const numRuns = Number(process.env['SEMEL_RUNS'] ?? 12)

  test('whatever is asked of it, how often, parked or not, and over reopenings', async () => {
    const asked = fc.array(fc.constantFrom('retry', 'drop', 'turn', 'reopen' as const), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ways),
        fc.boolean(),
        asked,
        async (how, isShut, verbs) => {
          const dir = scratch()
          const { definition, sink, state } = mendable(how)
          const options = { ...small, dir, workers: 0, durability: 'process' } as const
          let stream = await opened(definition, options)
          await stream.send({ id: 3, amount: 1 })
          await stream.drain()
          state.isMended = true
          state.isShut = isShut
          let first: string | undefined
          const letter = { shard: 0, number: 1 }
          const ask = async (verb: 'retry' | 'drop'): Promise<void> => {
            const isOpen = [...stream.deadLetters.list()].length > 0
            const error = await stream.deadLetters[verb](letter).then(
              () => undefined,
              (thrown: unknown) => thrown,
            )
            if (!isOpen) expect(error).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
            else if (first === undefined || first === verb) expect(error).toBeUndefined()
            else {
              expect(error).toMatchObject({
                code: 'SEMEL_INVALID_ARGUMENT',
                message: expect.stringMatching(
                  /is being (sent again|dropped), and can't/,
                ) as string,
              })
            }
            first ??= verb
          }
          for (const verb of verbs) {
            if (verb === 'turn') await new Promise(setImmediate)
            else if (verb === 'reopen') {
              await stream.close()
              stream = await opened(definition, options)
            } else await ask(verb)
          }
          if (first === undefined) await ask('retry')
          await stream.drain()
          await expect.poll(() => [...stream.deadLetters.list()]).toEqual([])
          expect(sink.outputs).toEqual(first === 'drop' ? [] : [3])
          await stream.close()
        },
      ),
      { numRuns },
    )
  })

  test.each(ways)('after the process has died with its retry in the journal, %s', async (how) => {
    const dir = scratch()
    const { definition, sink, state } = mendable(how)
    const options = { ...small, dir, workers: 0, durability: 'process' } as const
    const before = await opened(definition, options)
    await before.send({ id: 4, amount: 1 })
    await before.drain()
    await before.deadLetters.retry({ shard: 0, number: 1 })
    // As a process leaves it that dies now: nothing of it runs any more.
    const copy = scratch()
    cpSync(dir, copy, { recursive: true })
    state.isMended = true
    const after = await opened(definition, { ...options, dir: copy })
    await after.deadLetters.retry({ shard: 0, number: 1 })
    await after.deadLetters.retry({ shard: 0, number: 1 }).catch(() => {})
    await after.drain()
    const own = sink.outputs.length
    expect(own).toBe(1)
    expect([...after.deadLetters.list()]).toEqual([])
  })
})
