import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import { memory, open, pipeline, type OpenOptions, type Stream } from 'semel'
import { expect, test } from 'vitest'
import { Gate, handled, note, notes, rejection, sleep, standsAt, type Note } from './senders.js'
import { opened, scratch, small } from './verbs.js'

/** A stream whose messages are stored by nothing but what waits for it. */
async function lazy(options: OpenOptions = {}): Promise<Stream<Note>> {
  const definition = pipeline('lazy').accepts<Note>().deliver('at-least-once').to(memory())
  return opened<Note>(definition, {
    ...small,
    workers: 0,
    dir: join(scratch(), 'data'),
    durability: 'disk',
    ...options,
  })
}

const durable = (stream: Stream<Note>) => {
  const [shard] = stream.shardCounters()
  return { stored: shard?.stored, durable: shard?.durable }
}

test('a Node pipeline into a stream ends when all of it is stored', async () => {
  const stream = await lazy()
  await piped(Readable.from(notes(0, 3000)), stream.writable())
  expect(durable(stream)).toEqual({ stored: 3000, durable: 3000 })
  await stream.drain()
  expect(stream.counters().processed).toBe(3000)
})

test('a web pipeline into a stream ends when all of it is stored', async () => {
  const stream = await lazy()
  await Readable.toWeb(Readable.from(notes(0, 500))).pipeTo(stream.writableStream() as never)
  expect(durable(stream)).toEqual({ stored: 500, durable: 500 })
})

test('a writable holds its writer back where there is no room', async () => {
  const gate = new Gate()
  const stream = await gate.stream()
  let read = 0
  const source = Readable.from(
    (function* () {
      for (const one of notes(0, 4000, 'x'.repeat(200))) {
        read += 1
        yield one
      }
    })(),
    { highWaterMark: 1 },
  )
  let hasEnded = false
  const writing = piped(source, stream.writable({ highWaterMark: 4 })).then(() => {
    hasEnded = true
  })
  const held = await standsAt(() => read)
  // Ring and staging buffer (1,024 rows), and no more.
  expect(held).toBeLessThan(2000)
  await sleep(20)
  expect([read, hasEnded]).toEqual([held, false])
  gate.open()
  await writing
  await stream.drain()
  expect(gate.written).toEqual(Array.from({ length: 4000 }, (_, id) => id))
})

test('a web stream holds its writer back where there is no room', async () => {
  const gate = new Gate()
  const stream = await gate.stream()
  const writer = stream.writableStream({ highWaterMark: 2, size: () => 1 }).getWriter()
  let written = 0
  const writing = (async () => {
    for (const one of notes(0, 3000, 'x'.repeat(200))) {
      await writer.ready
      await writer.write(one)
      written += 1
    }
    await writer.close()
  })()
  expect(await standsAt(() => written)).toBeLessThan(2000)
  gate.open()
  await writing
  expect(written).toBe(3000)
})

test('a message that is refused ends its writable with the reason, and not the stream', async () => {
  const { stream, sink } = await handled((sent) => sent)
  const large = note(1, 'x'.repeat(9000))
  const writing = piped(Readable.from([note(0), large, note(2)]), stream.writable())
  expect(await rejection(writing)).toMatchObject({ code: 'SEMEL_TOO_LARGE' })
  const writer = stream.writableStream().getWriter()
  expect(await rejection(writer.write(large))).toMatchObject({ code: 'SEMEL_TOO_LARGE' })
  expect(await rejection(writer.write(note(3)))).toMatchObject({ code: 'SEMEL_TOO_LARGE' })
  await writer.abort().catch(() => {})
  await stream.send(note(4))
  await stream.drain()
  expect(sink.outputs.map(({ id }) => id)).toEqual([0, 4])
})

test('a signal ends a writable', async () => {
  const gate = new Gate()
  const stream = await gate.stream()
  const stop = new AbortController()
  const writing = piped(
    Readable.from(notes(0, 3000, 'x'.repeat(200))),
    stream.writable({ signal: stop.signal }),
  )
  const ended = rejection(writing)
  await sleep(10)
  stop.abort()
  expect(await ended).toMatchObject({ name: 'AbortError' })
})

test('a stream that is closed ends its writables', async () => {
  const gate = new Gate()
  const stream = await gate.stream()
  const writing = rejection(
    piped(Readable.from(notes(0, 3000, 'x'.repeat(200))), stream.writable()),
  )
  await sleep(20)
  await stream.close({ timeout: 5 })
  expect(await writing).toMatchObject({ code: 'SEMEL_CLOSED' })
  const late = stream.writable()
  const refused = rejection(piped(Readable.from(notes(0, 1)), late))
  expect(await refused).toMatchObject({ code: 'SEMEL_CLOSED' })
  expect(await rejection(stream.flush())).toMatchObject({
    code: 'SEMEL_CLOSED',
    message: 'the stream is closed; open it again to go on',
  })
})

test('flush resolves when all that was pushed is stored, and gives up when it is told', async () => {
  const stream = await lazy({ durability: { interval: 60_000 } })
  for (const one of notes(0, 10)) stream.push(one)
  expect(await rejection(stream.flush({ timeout: 10 }))).toMatchObject({
    code: 'SEMEL_TIMEOUT',
    retriable: true,
  })
  const reason = new Error('enough')
  expect(await rejection(stream.flush({ signal: AbortSignal.abort(reason) }))).toBe(reason)
  await stream.close()

  const prompt = await lazy()
  await prompt.flush()
  for (const one of notes(0, 100)) prompt.push(one)
  await prompt.flush()
  expect(durable(prompt)).toEqual({ stored: 100, durable: 100 })
})

test('await using closes the stream, and what it has taken is processed', async () => {
  const sink = memory<Note>()
  const definition = pipeline('used').accepts<Note>().deliver('at-most-once').to(sink)
  let used: Stream<Note> | undefined
  {
    await using stream = await open<Note>(definition, { ...small, workers: 0 })
    used = stream
    for (const one of notes(0, 10)) stream.push(one)
  }
  expect(sink.outputs).toHaveLength(10)
  expect(await rejection(used.send(note(1)))).toMatchObject({ code: 'SEMEL_CLOSED' })
})
