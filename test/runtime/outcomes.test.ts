import { expect, test } from 'vitest'
import { Gate, handled, note, notes, rejection, sleep, type Note } from './senders.js'

/** A source of as many as are asked for, which knows how many were, and whether it was ended. */
function countedNotes() {
  const source = { read: 0, isEnded: false, messages: messages() }
  function* messages(): Generator<Note> {
    try {
      for (;;) yield note(source.read++)
    } finally {
      source.isEnded = true
    }
  }
  return source
}

async function* broken(): AsyncGenerator<Note> {
  yield* notes(0, 3)
  throw new RangeError('no more')
}

async function* still(): AsyncGenerator<Note> {
  yield note(0)
  await new Promise(() => {})
}

test('outcomes come in the order of the messages, whichever is known first', async () => {
  const { stream } = await handled(
    async (sent) => {
      await sleep(sent.id % 2 === 0 ? 4 : 0)
      if (sent.id === 5) throw new Error('five')
      return sent.id * 10
    },
    { acknowledge: 'processed' },
  )
  const told: unknown[] = []
  for await (const { message, ...status } of stream.outcomes(notes(0, 10))) {
    expect(status.status).toBe('acknowledged')
    if (status.status !== 'acknowledged') continue
    const { value } = status as { value: { outcome: string; result?: number } }
    told.push([message.id, value.outcome, value.result])
  }
  expect(told).toEqual(
    Array.from({ length: 10 }, (_, id) =>
      id === 5 ? [5, 'dropped', undefined] : [id, 'processed', id * 10],
    ),
  )
})

test('outcomes of what is refused stand in their place', async () => {
  const { stream } = await handled((sent) => sent)
  const large = note(1, 'x'.repeat(9000))
  const told = []
  for await (const status of stream.outcomes([note(0), large, note(2)])) told.push(status)
  expect(told).toMatchObject([
    { status: 'acknowledged', message: note(0) },
    { status: 'refused', message: large, error: { code: 'SEMEL_TOO_LARGE' } },
    { status: 'acknowledged', message: note(2) },
  ])
})

test('a slow reader holds the source back to what is in flight', async () => {
  const { stream } = await handled((sent) => sent)
  const source = countedNotes()
  let read = 0
  for await (const { message } of stream.outcomes(source.messages, { inFlight: 8 })) {
    expect(message.id).toBe(read)
    await sleep(1)
    expect(source.read - read).toBeLessThanOrEqual(9)
    read += 1
    if (read === 20) break
  }
  await sleep(1)
  const sent = source.read
  expect(source.isEnded).toBe(true)
  await sleep(5)
  expect(source.read).toBe(sent)
  await stream.drain()
  // Whatever was read was sent: none was taken from the source and lost.
  expect(stream.counters().stored).toBe(sent)
})

test('what a source throws comes behind the statuses of what it gave', async () => {
  const { stream } = await handled((sent) => sent)
  const told: number[] = []
  const reading = (async () => {
    for await (const { message } of stream.outcomes(broken())) told.push(message.id)
  })()
  expect(await rejection(reading)).toEqual(new RangeError('no more'))
  expect(told).toEqual([0, 1, 2])
})

test('a signal ends them: what was sent is told of, then its reason is thrown', async () => {
  const gate = new Gate()
  const stream = await gate.stream({ acknowledge: 'processed' })
  const stop = new AbortController()
  const reason = new Error('enough')
  const told: unknown[] = []
  const reading = (async () => {
    for await (const one of stream.outcomes(countedNotes().messages, {
      inFlight: 4,
      signal: stop.signal,
    })) {
      told.push(one)
    }
  })()
  await sleep(5)
  stop.abort(reason)
  expect(await rejection(reading)).toBe(reason)
  expect(told).toEqual(
    notes(0, 4).map((message) => ({ message, status: 'unknown', error: reason })),
  )
  gate.open()
  await stream.drain()
  expect(stream.lateOutcomes).toBe(4)
})

test('a signal ends them where the source stands still', async () => {
  const { stream } = await handled((sent) => sent)
  const stop = new AbortController()
  const told: number[] = []
  const reading = (async () => {
    for await (const { message } of stream.outcomes(still(), { signal: stop.signal })) {
      told.push(message.id)
    }
  })()
  await sleep(5)
  stop.abort(new Error('enough'))
  expect(await rejection(reading)).toEqual(new Error('enough'))
  expect(told).toEqual([0])
})

test('a stream that is closed under them ends none of them without a word', async () => {
  const gate = new Gate()
  const stream = await gate.stream({ acknowledge: 'processed', awaitedMax: 2 })
  const told: unknown[] = []
  const reading = (async () => {
    for await (const { status } of stream.outcomes(notes(0, 4))) told.push(status)
  })()
  await sleep(5)
  await stream.close({ timeout: 5 })
  await reading
  expect(told).toEqual(['unknown', 'unknown', 'refused', 'refused'])
})
