import type { Batch, BatchStatus, Completion, OpenOptions, Receipt } from 'semel'
import { describe, expect, test } from 'vitest'
import { Gate, handled, note, notes, rejection, sleep, type Note } from './senders.js'

/** Batches as they are told of. */
function recorder(size: number, within = '1h') {
  const batches: Batch<Note>[] = []
  const options: OpenOptions<Note> = {
    acknowledge: { batched: size, within, onBatch: (batch) => void batches.push(batch) },
  }
  return { batches, options }
}

const statusOf = (status: BatchStatus<Note>): unknown[] => [
  status.message.id,
  status.status === 'acknowledged' ? status.end.outcome : status.status,
]

describe('batches', () => {
  test('are told of in the order of their messages, with an end for each', async () => {
    const { batches, options } = recorder(4)
    const { stream } = await handled((sent) => {
      if (sent.id === 2) throw new Error('two')
      return sent
    }, options)
    for (const one of notes(0, 9)) expect(stream.push(one)).toBe(true)
    await stream.drain()
    expect(batches.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(batches.map(({ statuses }) => statuses.map(statusOf))).toEqual([
      [
        [0, 'processed'],
        [1, 'processed'],
        [2, 'dropped'],
        [3, 'processed'],
      ],
      [4, 5, 6, 7].map((id) => [id, 'processed']),
      // Nothing more was coming: `drain` has ended it.
      [[8, 'processed']],
    ])
    expect(batches[0]?.statuses[2]).toMatchObject({
      end: { sequence: 3, error: { code: 'SEMEL_DROPPED', message: 'Error: two' } },
    })
  })

  test('leave out what is refused at the door', async () => {
    const { batches, options } = recorder(3)
    const { stream } = await handled((sent) => sent, options)
    const large = note(1, 'x'.repeat(9000))
    stream.push(note(0))
    expect(() => stream.push(large)).toThrow(expect.objectContaining({ code: 'SEMEL_TOO_LARGE' }))
    expect(await rejection(stream.send(large))).toMatchObject({ code: 'SEMEL_TOO_LARGE' })
    await stream.drain()
    expect(batches.map(({ statuses }) => statuses.map(statusOf))).toEqual([[[0, 'processed']]])
  })

  test('tell of what was pushed only where somebody listens', async () => {
    const { stream } = await handled((sent) => sent, {
      acknowledge: { batched: 2, within: '1h' },
      awaitedMax: 1,
    })
    // Were they awaited, the second would find no room.
    expect(notes(0, 5).map((one) => stream.push(one))).toEqual(Array(5).fill(true))
    await stream.drain()
    expect(stream.counters().processed).toBe(5)
  })

  test('hold back who pushes more than may be awaited', async () => {
    const { batches, options } = recorder(2)
    const gate = new Gate()
    const stream = await gate.stream({ ...options, awaitedMax: 4 })
    expect(notes(0, 6).map((one) => stream.push(one))).toEqual([
      ...Array(4).fill(true),
      ...Array(2).fill(false),
    ])
    const ready = stream.ready()
    gate.open()
    await ready
    expect(stream.push(note(4))).toBe(true)
    await stream.drain()
    expect(batches.flatMap(({ statuses }) => statuses.map(({ message }) => message.id))).toEqual([
      0, 1, 2, 3, 4,
    ])
  })

  test('resolve their senders together, when the last of them has ended', async () => {
    const gate = new Gate()
    const { batches, options } = recorder(3)
    const stream = await gate.stream(options)
    const order: string[] = []
    const sending = notes(0, 3).map((one) => stream.send(one).then(() => order.push(`${one.id}`)))
    await sleep(5)
    expect([order, batches]).toEqual([[], []])
    gate.open()
    await Promise.all(sending)
    expect(order).toEqual(['0', '1', '2'])
    expect(batches).toHaveLength(1)
  })

  test('tell who stops waiting what is known: its own end, though not the batch’s', async () => {
    const { batches, options } = recorder(3)
    const { stream } = await handled((sent) => sent, options)
    const end = await stream.send(note(0), { timeout: 20 })
    expect(end).toMatchObject({ outcome: 'processed', sequence: 1 })
    expect(batches).toEqual([])
    expect(await stream.sendMany(notes(1, 2), { timeout: 20 })).toMatchObject([
      { status: 'acknowledged', value: { outcome: 'processed' } },
    ])
    stream.push(note(2))
    await stream.drain()
    expect(batches.map(({ statuses }) => statuses.map(statusOf))).toEqual([
      [0, 1, 2].map((id) => [id, 'processed']),
    ])
    expect(stream.lateOutcomes).toBe(0)
  })

  test('call what is unknown so, where the stream is closed before its end', async () => {
    const gate = new Gate()
    const { batches, options } = recorder(10)
    const stream = await gate.stream(options)
    stream.push(note(0))
    const sending = rejection(stream.send(note(1)))
    await sleep(5)
    await stream.close({ timeout: 5 })
    expect(await sending).toMatchObject({ code: 'SEMEL_CLOSED' })
    expect(batches.map(({ statuses }) => statuses.map(statusOf))).toEqual([
      [
        [0, 'unknown'],
        [1, 'unknown'],
      ],
    ])
  })

  test('may send from inside of onBatch', async () => {
    const seen: number[] = []
    const again: { push?: (id: number) => void } = {}
    const { stream, sink } = await handled((sent) => sent, {
      acknowledge: {
        batched: 2,
        within: '1ms',
        onBatch: ({ statuses }) => {
          for (const { message } of statuses) {
            seen.push(message.id)
            if (message.id < 4) again.push?.(message.id + 10)
          }
        },
      },
    })
    again.push = (id) => void stream.push(note(id))
    for (const one of notes(0, 4)) stream.push(one)
    while (seen.length < 8) await sleep(1)
    expect(seen).toEqual([0, 1, 2, 3, 10, 11, 12, 13])
    expect(sink.outputs).toHaveLength(8)
  })
})

describe('one call', () => {
  test('may ask for more than the stream tells', async () => {
    const { stream } = await handled((sent) => sent.id * 2, {
      acknowledge: { batched: 1000, within: '1h' },
    })
    const receipt = (await stream.send(note(1), {
      acknowledge: 'stored',
    } as never)) as unknown as Receipt
    expect(await receipt.outcome).toMatchObject({ outcome: 'processed', sequence: 1 })
    const completion = (await stream.send(note(2), {
      acknowledge: 'processed',
    } as never)) as unknown as Completion<number>
    expect(completion).toMatchObject({ outcome: 'processed', result: 4, results: [4] })
    const statuses = await stream.sendMany(notes(3, 5), { acknowledge: 'processed' } as never)
    expect(statuses).toMatchObject([{ value: { result: 6 } }, { value: { result: 8 } }])
    for await (const status of stream.outcomes(notes(5, 6), {
      acknowledge: 'processed',
      inFlight: 1,
    } as never)) {
      expect(status).toMatchObject({ status: 'acknowledged', value: { result: 10 } })
    }
  })
})
