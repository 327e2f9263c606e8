import { AckTimeoutError, ClosedError } from 'semel'
import { describe, expect, test } from 'vitest'
import { handled, note, notes, rejection, type Note } from './senders.js'

type Loosely = Record<string, (...given: unknown[]) => Promise<unknown>>

/** What a call is refused with, whether it throws or rejects; the error is ours, and of one line. */
async function refusalOf(call: () => unknown): Promise<string> {
  const error = (await rejection(Promise.resolve().then(call))) as Error & { code: string }
  expect(error).toMatchObject({ name: 'InvalidArgumentError', code: 'SEMEL_INVALID_ARGUMENT' })
  expect(error.message).not.toMatch(/\n/)
  return error.message
}

const options = 'signal, timeout, acknowledge, headers, at'

describe('open refuses', () => {
  test.each<[unknown, string]>([
    [
      { acknowledge: 'soon' },
      "acknowledge: \"soon\" is unknown; choose 'processed', 'stored', 'batched' or { batched: 1000, within: '10ms' }",
    ],
    [
      { acknowledge: { size: 5 } },
      "acknowledge: { size: 5 } is unknown; choose 'processed', 'stored', 'batched' or { batched: 1000, within: '10ms' }",
    ],
    [
      { acknowledge: { batched: 0 } },
      'acknowledge.batched: 0 is out of bounds; give a whole number from 1 to 65536',
    ],
    [
      { acknowledge: { batched: 65_537 } },
      'acknowledge.batched: 65537 is out of bounds; give a whole number from 1 to 65536',
    ],
    [
      { acknowledge: { batched: 5, size: 5 } },
      'acknowledge: there is no option "size"; there are batched, within, onBatch',
    ],
    [
      { acknowledge: { batched: 5, within: 0 } },
      "acknowledge.within: 0 is out of bounds; give a duration from '1ms' to '1h'",
    ],
    [
      { acknowledge: { batched: 5, within: '2h' } },
      "acknowledge.within: \"2h\" is out of bounds; give a duration from '1ms' to '1h'",
    ],
    [
      { acknowledge: { batched: 5, onBatch: 7 } },
      'acknowledge.onBatch: 7 is not a function; give one of the batch',
    ],
    [{ awaitedMax: 0 }, 'awaitedMax: 0 is out of bounds; give a whole number from 1 to 1048576'],
    [
      { awaitedMax: 1_048_577 },
      'awaitedMax: 1048577 is out of bounds; give a whole number from 1 to 1048576',
    ],
  ])('%o', async (given, text) => {
    expect(await refusalOf(() => handled((sent) => sent, given as never))).toBe(text)
  })
})

describe.each(['send', 'sendMany', 'outcomes'] as const)('%s refuses', (call) => {
  const cases: [unknown, string][] = [
    [7, `${call}: 7 is not an options object; give { ${options} }`],
    [{ after: 5 }, `${call}: there is no option "after"; there are ${options}`],
    [
      { acknowledge: 'soon' },
      `${call}.acknowledge: "soon" is unknown; choose 'processed', 'stored' or 'batched'`,
    ],
    [
      { acknowledge: 'batched' },
      `${call}.acknowledge: 'batched' tells less than the stream's own 'stored'; leave it out, or open the stream with acknowledge: 'batched'`,
    ],
    [
      { timeout: -1 },
      `${call}.timeout: -1 is out of bounds; give milliseconds from 0 to 2147483647, or leave it out`,
    ],
    [{ signal: {} }, `${call}.signal: {} is no signal; give that of an AbortController`],
  ]
  test.each(cases)('%o as options', async (given, text) => {
    if (call === 'outcomes' && given === 7) return
    const { stream } = await handled((sent) => sent)
    const message = call === 'send' ? note(1) : notes(0, 1)
    expect(await refusalOf(() => (stream as unknown as Loosely)[call]?.(message, given))).toBe(text)
    expect(stream.counters().stored).toBe(0)
  })

  test('what tells less than `processed`', async () => {
    const { stream } = await handled((sent) => sent, { acknowledge: 'processed' })
    const message = call === 'send' ? note(1) : notes(0, 1)
    expect(
      await refusalOf(() =>
        (stream as unknown as Loosely)[call]?.(message, { acknowledge: 'stored' }),
      ),
    ).toBe(
      `${call}.acknowledge: 'stored' tells less than the stream's own 'processed'; leave it out, or open the stream with acknowledge: 'stored'`,
    )
  })
})

describe.each(['sendMany', 'outcomes'] as const)('%s refuses', (call) => {
  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    [{ id: 1 }, '{ id: 1 }'],
  ])('%o as messages', async (given, named) => {
    const { stream } = await handled((sent) => sent)
    expect(await refusalOf(() => (stream as unknown as Loosely)[call]?.(given))).toBe(
      `${call}: ${named} holds no messages; give an array, an iterable or an async iterable`,
    )
  })
})

test.each([0, 1.5, '8', 1_048_577])('outcomes refuses inFlight: %o', async (inFlight) => {
  const { stream } = await handled((sent) => sent)
  expect(
    await refusalOf(() => stream.outcomes(notes(0, 1), { inFlight: inFlight as number })),
  ).toBe(
    `outcomes.inFlight: ${JSON.stringify(inFlight)} is out of bounds; give a whole number from 1 to 1048576`,
  )
})

test('flush refuses options that are none', async () => {
  const { stream } = await handled((sent) => sent)
  expect(await refusalOf(() => stream.flush({ after: 5 } as never))).toBe(
    'flush: there is no option "after"; there are signal, timeout',
  )
})

test('a timeout says whether the message was taken, and that it may be sent again', () => {
  expect(new AckTimeoutError(5, true)).toMatchObject({
    name: 'AckTimeoutError',
    code: 'SEMEL_ACK_TIMEOUT',
    retriable: true,
    taken: true,
    message:
      "no acknowledgment within 5 ms: the message's outcome is unknown, and the same id may be sent again",
  })
  expect(new AckTimeoutError(5, false)).toMatchObject({
    code: 'SEMEL_ACK_TIMEOUT',
    retriable: true,
    taken: false,
    message: 'no room for the message within 5 ms: it is not stored, and may be sent again',
  })
})

test('what is sent to a closed stream is refused in every way', async () => {
  const { stream } = await handled((sent) => sent)
  await stream.close()
  const closed = {
    code: 'SEMEL_CLOSED',
    message: 'the stream is closed; open it again to go on',
  }
  for (const call of [() => stream.send(note(1)), () => stream.flush(), () => stream.ready()]) {
    const error = await rejection(call())
    expect(error).toBeInstanceOf(ClosedError)
    expect(error).toMatchObject(closed)
  }
  expect(await stream.sendMany(notes(0, 1))).toMatchObject([{ status: 'refused', error: closed }])
  for await (const status of stream.outcomes<'stored'>(notes(0, 1) as Note[])) {
    expect(status).toMatchObject({ status: 'refused', error: closed })
  }
})
