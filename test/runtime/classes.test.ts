import {
  at,
  frames,
  guarantee,
  guaranteeText,
  memory,
  open,
  pipeline,
  type OpenOptions,
  type Stream,
} from 'semel'
import { describe, expect, test } from 'vitest'
import { moves, type Move } from '../fixtures/moves.js'
import { Gate } from '../issues/gate.js'
import { cursors, definition, inline, orders } from './classed.js'
import { expectBalanced, next, opened, scratch, small, until } from './verbs.js'

const sent = moves(0, 300)

describe('a pipeline whose messages choose their delivery', () => {
  test('has shards, order and counters for each class', async () => {
    const { sink, stream } = await inline({ shards: 2 })
    for (const move of sent) expect(stream.push(move)).toBe(true)
    // Copies of an order are dropped; a cursor that stands where it stood has moved twice.
    for (const move of sent.slice(0, 6)) stream.push(move)
    await stream.drain()
    expect(stream.shards).toBe(4)
    expect(
      stream.classes.map(({ delivery, durability, shards }) => [delivery, durability, shards]),
    ).toEqual([
      ['exactly-once', 'process', 2],
      ['at-most-once', 'memory', 2],
    ])
    const inClass = (first: number): Move[] => [...sink.shard(first), ...sink.shard(first + 1)]
    expect(inClass(0).toSorted((a, b) => a.id - b.id)).toEqual(orders(sent))
    expect(cursors(inClass(2))).toHaveLength(cursors(sent).length + 4)
    for (const shard of [0, 1, 2, 3]) {
      for (const key of ['k0', 'k1', 'k2', 'k3']) {
        const ids = sink
          .shard(shard)
          .slice(0, 90)
          .filter((move) => move.key === key)
        const first = ids.filter(({ id }, i) => i === 0 || id > (ids[i - 1] as Move).id)
        expect(first.map(({ id }) => id)).toEqual(
          first.map(({ id }) => id).toSorted((a, b) => a - b),
        )
      }
    }
    const [critical, other] = stream.classes
    expect(critical?.counters()).toMatchObject({ stored: 102, processed: 100, duplicate: 2 })
    expect(other?.counters()).toMatchObject({ stored: 204, processed: 204 })
    expect(stream.counters()).toMatchObject({ stored: 306, processed: 304, duplicate: 2 })
    expect(stream.shardCounters().map(({ shard }) => shard)).toEqual([0, 1, 2, 3])
    for (const counters of stream.shardCounters()) expectBalanced(counters)
  })

  test('lets one class go on while the other has no room', async () => {
    const gate = new Gate()
    const { stream } = await inline({ inFlightMax: 16 }, async ({ kind }) => {
      if (kind === 'order') await gate.opened
    })
    let taken = 0
    while (stream.push({ id: taken, key: 'k', kind: 'order' })) taken += 1
    const ready = stream.ready()
    let isReady = false
    void ready.then(() => (isReady = true))
    for (let id = 0; id < 50; id++) {
      expect(await stream.send({ id, key: 'k', kind: 'cursor' })).toMatchObject({ shard: 1 })
    }
    await until(() => stream.classes[1]?.counters().processed === 50)
    expect(isReady).toBe(false)
    gate.open()
    await ready
    await stream.drain()
    expect(stream.classes[0]?.counters().processed).toBe(taken)
  })

  test('drops what is told to be dropped, in its class alone', async () => {
    const gate = new Gate()
    const { stream } = await inline({ inFlightMax: 16 }, () => gate.opened)
    for (let id = 0; id < 20_000; id++) stream.push({ id, key: 'k', kind: 'cursor' })
    const { newest } = stream.doorCounters()
    expect(newest).toBeGreaterThan(0)
    expect(stream.classes.map((one) => one.doorCounters().newest)).toEqual([0, newest])
    gate.open()
    await stream.drain()
  })

  test('tells senders in their order, and each what its class promises', async () => {
    const { stream } = await inline({ acknowledge: 'processed' })
    const strange = { id: 1, key: 'k', kind: 'strange' } as unknown as Move
    const statuses = await stream.sendMany([...sent, sent[0] as Move])
    expect(
      statuses.map(
        (one) => one.status === 'acknowledged' && [one.value.outcome, one.value.durability],
      ),
    ).toEqual([
      ...sent.map(({ kind }) => ['processed', kind === 'order' ? 'process' : 'memory']),
      ['duplicate', 'process'],
    ])
    const seen: number[] = []
    for await (const { status, message } of stream.outcomes(moves(300, 400), { inFlight: 8 })) {
      expect(status).toBe('acknowledged')
      seen.push(message.id)
    }
    expect(seen).toEqual(moves(300, 400).map(({ id }) => id))
    // Anything but an order is a cursor here.
    expect(await stream.send(strange)).toMatchObject({ durability: 'memory' })
  })

  test('refuses a message that chooses no class, and that one alone', async () => {
    const text = `deliver: its function answered "at-least-once"; answer 'exactly-once' or 'at-most-once', or add the options of that delivery`
    const sink = memory<Move>()
    const stream = await opened<Move>(
      pipeline('moves')
        .accepts<Move>()
        .deliver(({ id }) => (id === 1 ? ('at-least-once' as 'at-most-once') : 'exactly-once'), {
          'exactly-once': { id: ({ id }) => id, window: '1h' },
          'at-most-once': {},
        })
        .to(sink),
      { ...small, dir: scratch(), durability: 'process', workers: 0 },
    )
    const [good, bad, better] = moves(0, 3) as [Move, Move, Move]
    expect(() => stream.push(bad)).toThrow(text)
    await expect(stream.send(bad)).rejects.toThrow(text)
    const statuses = await stream.sendMany([good, bad, better])
    expect(statuses.map(({ status }) => status)).toEqual([
      'acknowledged',
      'refused',
      'acknowledged',
    ])
    expect(statuses[1]).toMatchObject({ error: { message: text } })
    const told: string[] = []
    for await (const { status } of stream.outcomes([bad])) told.push(status)
    expect(told).toEqual(['refused'])
    await stream.drain()
    expect(sink.outputs).toEqual([good, better])
  })

  test('checks a message once, before it chooses', async () => {
    let checks = 0
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate(value: unknown) {
          checks += 1
          if (typeof value !== 'string') return { issues: [{ message: 'no text' }] }
          return { value: { text: value, isLong: value.length > 3 } }
        },
      },
    }
    const sink = memory<{ text: string; isLong: boolean }>()
    const stream = await opened(
      pipeline('texts')
        .accepts(schema)
        .deliver(
          (text) => ((text as { isLong: boolean }).isLong ? 'at-least-once' : 'at-most-once'),
          {
            'at-least-once': {},
            'at-most-once': {},
          },
        )
        .to(sink as never) as never,
      { ...small, dir: scratch(), durability: 'process', workers: 0 },
    )
    await stream.send('short' as never)
    await stream.send('no' as never)
    await expect(stream.send(7 as never)).rejects.toThrow('no text')
    await stream.drain()
    expect(checks).toBe(3)
    expect(sink.shard(0)).toEqual([{ text: 'short', isLong: true }])
    expect(sink.shard(1)).toEqual([{ text: 'no', isLong: false }])
  })

  test('takes raw frames too, one at a time', async () => {
    const sink = memory<string>()
    const stream = await opened<Uint8Array>(
      pipeline('raw')
        .accepts(frames({ size: 16 }))
        .deliver((frame) => (frame.u64(8) === 1n ? 'exactly-once' : 'at-most-once'), {
          'exactly-once': { id: at(0), window: '1h' },
          'at-most-once': {},
        })
        .map((frame, { shard }) => `${frame.u64(0)} in shard ${shard}`)
        .to(sink),
      { ...small, dir: scratch(), durability: 'process', workers: 0 },
    )
    const frame = new BigUint64Array([5n, 1n])
    await stream.send(new Uint8Array(frame.buffer.slice(0)))
    frame[1] = 0n
    await stream.send(new Uint8Array(frame.buffer.slice(0)))
    await stream.drain()
    expect(sink.outputs).toEqual(['5 in shard 0', '5 in shard 1'])
    expect(() => stream.pushFrames(new Uint8Array(16))).toThrow(
      'pushFrames: the pipeline chooses the delivery by a function, which is a call for each frame; use push or send',
    )
  })

  test('numbers its shards on in events, dead letters and the context', async () => {
    const stream = await opened<number>(
      pipeline('numbered')
        .accepts<number>()
        .deliver((n) => (n % 2 === 0 ? 'exactly-once' : 'at-least-once'), {
          'exactly-once': { id: (n) => n, window: '1h' },
          'at-least-once': {},
        })
        .retry({ attempts: 1 })
        .map((n, { shard }) => {
          throw new Error(`${n} in shard ${shard}`)
        })
        .to(memory()),
      { ...small, dir: scratch(), durability: 'process', workers: 0, acknowledge: 'processed' },
    )
    const event = next<{ shard: number }>(stream as never, 'dead-letter')
    expect(await stream.send(1)).toMatchObject({ shard: 1, outcome: 'dead-lettered' })
    expect((await event).shard).toBe(1)
    await stream.send(2)
    const letters = [...stream.deadLetters.list()]
    expect(letters.map(({ shard, message }) => [shard, message])).toEqual([
      [0, 2],
      [1, 1],
    ])
    expect(letters.map(({ history }) => history[0]?.error)).toEqual([
      'Error: 2 in shard 0',
      'Error: 1 in shard 1',
    ])
    await stream.deadLetters.drop({ shard: 1, number: letters[1]?.number as number })
    await stream.drain()
    expect([...stream.deadLetters.list()].map(({ shard }) => shard)).toEqual([0])
    await expect(stream.deadLetters.drop({ shard: 7, number: 1 })).rejects.toThrow('shard')
  })

  test('says for each class what it guarantees, and names the whole by the least', async () => {
    const dir = scratch()
    const { stream } = await inline({ dir })
    const report = stream.guarantee()
    const options = { ...small, dir, durability: 'process', workers: 0 } as const
    expect(report).toEqual(guarantee(definition(memory()), options))
    expect(report.delivery).toBe('at-most-once')
    expect(report.classes.map(({ delivery }) => delivery)).toEqual(['exactly-once', 'at-most-once'])
    expect(report.summary.split('\n')).toHaveLength(2)
    expect(guaranteeText(report)).toContain('exactly-once (process, stored)')
  })
})

describe('its options', () => {
  test('hold for each class, but for what is said for one', async () => {
    const { stream } = await inline({
      shards: 2,
      classes: { 'at-most-once': { shards: 3, parkedMax: 5 } },
    })
    expect(stream.classes.map(({ shards }) => shards)).toEqual([2, 3])
    expect(stream.workers).toBe(0)
  })

  test('may give one delivery to all, to compare', async () => {
    const { stream } = await inline({ delivery: 'at-least-once' })
    expect(stream.delivery).toBe('at-least-once')
    expect(stream.classes).toHaveLength(1)
    stream.push(sent[1] as Move)
    stream.push(sent[1] as Move)
    await stream.drain()
    // The strictest class's ids stay.
    expect(stream.counters()).toMatchObject({ processed: 1, duplicate: 1 })
  })

  test.each<[OpenOptions, string]>([
    [
      { classes: { 'at-least-once': {} } },
      'classes: there is no option "at-least-once"; there are exactly-once, at-most-once',
    ],
    [
      { classes: { 'at-most-once': { dir: 'x' } as never } },
      'classes.at-most-once: there is no option "dir"; there are shards, workers, durability, journal, awaitedMax, waiting, ring, segment, parkedMax, inFlightMax, groupPauseUs, heartbeat, workerMemory',
    ],
    [
      { classes: { 'exactly-once': { durability: 'memory' } } },
      `durability: "memory" can't carry exactly-once; choose 'process', 'disk' or { interval: milliseconds }, or at-most-once`,
    ],
    [{ shards: 0 }, 'shards: 0 is out of bounds; give a whole number from 1 to 256'],
    [
      { dir: 7 as never },
      `dir: 7 is no directory; exactly-once keeps its messages on disk, so give dir: './data'`,
    ],
  ])('%j is refused', async (options, text) => {
    const usual = { ...small, dir: scratch(), workers: 0 }
    await expect(open(definition(memory()), { ...usual, ...options })).rejects.toThrow(text)
  })

  test('name no class of a pipeline that has none', async () => {
    const plain = pipeline('plain').accepts<Move>().deliver('at-most-once').to(memory())
    await expect(open(plain, { workers: 0, classes: { 'at-most-once': {} } })).rejects.toThrow(
      'classes: the pipeline has one delivery; leave it out, or let deliver choose by a function of the message',
    )
  })
})

test('one class that fails leaves the other', async () => {
  const dir = scratch()
  let isBroken = false
  const stream: Stream<Move> = await opened<Move>(
    pipeline('moves')
      .accepts<Move>()
      .deliver(({ kind }) => (kind === 'order' ? 'exactly-once' : 'at-most-once'), {
        'exactly-once': { id: ({ id }) => id, window: '1h' },
        'at-most-once': {},
      })
      .to({
        name: 'half',
        kind: 'rewindable',
        connect: ({ shard }) => ({
          rewind() {},
          place: () => 0,
          write() {},
          flush() {
            if (shard === 0 && isBroken) throw new Error('the disk is gone')
          },
          close() {},
        }),
      }),
    { ...small, dir, durability: 'disk', workers: 0 },
  )
  const failed = next<Error>(stream as never, 'failed')
  isBroken = true
  stream.push({ id: 0, key: 'k', kind: 'order' })
  expect((await failed).message).toContain('the disk is gone')
  expect(await stream.send({ id: 1, key: 'k', kind: 'cursor' })).toMatchObject({ shard: 1 })
  expect(() => stream.push({ id: 3, key: 'k', kind: 'order' })).toThrow('the disk is gone')
})
