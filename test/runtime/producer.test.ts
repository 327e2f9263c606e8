import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  FencedError,
  fileSource,
  forEach,
  frames,
  pipeline,
  type Definition,
  type OpenOptions,
  type Produced,
  type Stream,
} from 'semel'
import { describe, expect, it } from 'vitest'
import { entry, marked, type Entry } from '../fixtures/produced.js'
import {
  expectBalanced,
  fixture,
  opened,
  outputs,
  pushAll,
  scratch,
  small,
  startFixture,
} from './verbs.js'

const boxHeaderBytes = 16

/** A pipeline whose senders number their messages; `took` is what came out, in order. */
function entries(options: { keyed?: boolean } = {}): {
  took: Entry[]
  definition: Definition<Entry>
} {
  const took: Entry[] = []
  const collect = forEach<Entry>((sent) => took.push(sent), { idempotent: true })
  const start = pipeline('entries').accepts<Entry>().deliver('exactly-once', { producer: marked })
  return {
    took,
    definition:
      options.keyed === true ? start.keyBy((sent) => sent.key).to(collect) : start.to(collect),
  }
}

function at(dir: string, options: OpenOptions = {}): OpenOptions {
  return { dir, workers: 0, durability: 'process', ...small, ...options }
}

function numbers(took: readonly Entry[]): number[] {
  return took.map(({ sequence }) => sequence).toSorted((a, b) => a - b)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

function thrownBy(act: () => unknown): Error & { code?: string; retriable?: boolean } {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** What the directory knows of partitions, by number. */
function partitions(dir: string): unknown {
  const text = readFileSync(join(dir, 'sources')).subarray(boxHeaderBytes).toString()
  return text === '' ? [] : JSON.parse(text)
}

async function closed(stream: Stream<never>): Promise<void> {
  await stream.drain()
  await stream.close()
}

describe.each([1, 4])('a producer, with %i shards', (shards) => {
  it('is heard once for each number, in this run and the next', async () => {
    const dir = scratch()
    const { took, definition } = entries({ keyed: true })
    const first = await opened(definition, at(dir, { shards }))
    await pushAll(
      first,
      range(0, 300).map((n) => entry(n)),
    )
    await pushAll(
      first,
      range(100, 400).map((n) => entry(n)),
    )
    await first.drain()
    expect(numbers(took)).toEqual(range(0, 400))
    expect(first.counters()).toMatchObject({ stored: 400, processed: 400, duplicate: 0 })
    expectBalanced(first.counters())
    expect(first.doorCounters()).toMatchObject({ duplicate: 200, fenced: 0 })
    await first.close()

    const second = await opened(definition, at(dir, { shards }))
    await pushAll(
      second,
      range(0, 500).map((n) => entry(n, 2)),
    )
    await second.drain()
    expect(numbers(took)).toEqual(range(0, 500))
    expect(second.doorCounters()).toMatchObject({ duplicate: 400, fenced: 0 })
  })

  it('goes on from its outbox after kill -9, and each number takes effect once', async () => {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const url = fixture('producer.pipeline', { to })
    const options = at(join(dir, 'data'), { shards, workers: 1 })
    let oldestUnknown = 0
    for (let epoch = 1; epoch <= 4; epoch++) {
      const sender = startFixture(
        'producer-sender',
        url.href,
        JSON.stringify(options),
        String(epoch),
        // Some that it knows of too: it may have lost the end of its outbox.
        String(Math.max(0, oldestUnknown - 10)),
      )
      await sender.lines(150 + epoch * 37)
      sender.kill()
      const { stdout } = await sender.ended
      const stored = new Set(stdout.split('\n').slice(0, -1).map(Number))
      expect(stored.size).toBeGreaterThan(100)
      while (stored.has(oldestUnknown)) oldestUnknown += 1
    }
    const stream = await opened<Entry>(url, options)
    const end = oldestUnknown + 200
    await pushAll(
      stream,
      range(oldestUnknown, end).map((n) => entry(n, 5)),
    )
    await stream.drain()
    await stream.close()
    expect(numbers(outputs<Entry>(to, shards))).toEqual(range(0, end))
  })

  it('is refused with an epoch that a newer one has taken the place of', async () => {
    const dir = scratch()
    const { took, definition } = entries({ keyed: true })
    const first = await opened(definition, at(dir, { shards }))
    await pushAll(first, [entry(0, 3), entry(1, 3), entry(2, 4)])
    const refusal = thrownBy(() => first.push(entry(3, 3)))
    expect(refusal).toBeInstanceOf(FencedError)
    expect(refusal).toMatchObject({
      name: 'FencedError',
      code: 'SEMEL_FENCED',
      retriable: false,
      producer: 'till-1',
      epoch: 3,
      newestEpoch: 4,
      message:
        'the producer "till-1" has epoch 3, and epoch 4 has taken its place; stop this sender, or start it again with an epoch above 4',
    })
    await expect(first.send(entry(4, 3))).rejects.toBeInstanceOf(FencedError)
    // Also for a number that is here: who is fenced must learn it.
    await expect(first.send(entry(0, 3))).rejects.toBeInstanceOf(FencedError)
    expect(first.doorCounters()).toMatchObject({ duplicate: 0, fenced: 3 })
    await closed(first as never)

    const second = await opened(definition, at(dir, { shards }))
    expect(thrownBy(() => second.push(entry(5, 3)))).toBeInstanceOf(FencedError)
    // Another producer has epochs of its own.
    await pushAll(second, [entry(5, 4), entry(0, 1, 'till-2')])
    await second.drain()
    expect(numbers(took)).toEqual([0, 0, 1, 2, 5])
  })
})

describe('a number', () => {
  it('is compared with those that wait for the end of the tick, too', async () => {
    const { took, definition } = entries()
    const stream = await opened(definition, at(scratch()))
    for (const n of [7, 7, 3, 8, 7]) expect(stream.push(entry(n))).toBe(true)
    expect(stream.counters().stored).toBe(0)
    await stream.drain()
    expect(took.map(({ sequence }) => sequence)).toEqual([7, 8])
    expect(stream.doorCounters()).toMatchObject({ duplicate: 3, fenced: 0 })
  })

  it('may be 0 or the greatest of 48 bits, with any gap between', async () => {
    const dir = scratch()
    const { took, definition } = entries()
    for (const again of [false, true]) {
      const stream = await opened(definition, at(dir))
      await pushAll(stream, [entry(0), entry(2 ** 47), entry(2 ** 48 - 1)])
      await stream.drain()
      expect(stream.doorCounters().duplicate).toBe(again ? 3 : 0)
      await stream.close()
    }
    expect(numbers(took)).toEqual([0, 2 ** 47, 2 ** 48 - 1])
  })

  it('does not go back with a new epoch', async () => {
    const { took, definition } = entries()
    const stream = await opened(definition, at(scratch()))
    await pushAll(stream, [entry(5, 1), entry(4, 2), entry(6, 2)])
    await stream.drain()
    expect(numbers(took)).toEqual([5, 6])
  })

  it('is not spent by a message that is refused', async () => {
    const { took, definition } = entries()
    const stream = await opened(definition, at(scratch()))
    const large = { ...entry(1), key: 'x'.repeat(9000) }
    expect(thrownBy(() => stream.push(large)).code).toBe('SEMEL_TOO_LARGE')
    expect(stream.push(entry(1))).toBe(true)
    await stream.drain()
    expect(numbers(took)).toEqual([1])
  })

  it('waits for room like any other, and is then stored once', async () => {
    const took: Entry[] = []
    const gate = new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    const definition = pipeline('entries')
      .accepts<Entry>()
      .deliver('exactly-once', { producer: marked })
      .tap(() => gate)
      .to(forEach<Entry>((sent) => took.push(sent), { idempotent: true }))
    const stream = await opened(definition, at(scratch()))
    let full = 0
    for (const n of range(0, 900)) {
      const wide = { ...entry(n), key: 'x'.repeat(2000) }
      // The second time it is a duplicate wherever it is: in the ring, or among those that wait.
      for (const _ of ['message', 'duplicate']) {
        while (!stream.push(wide)) {
          full += 1
          await stream.ready()
        }
      }
    }
    await stream.drain()
    expect(full).toBeGreaterThan(0)
    expect(numbers(took)).toEqual(range(0, 900))
    expect(stream.doorCounters().duplicate).toBe(900)
  })
})

describe('a receipt', () => {
  it('of a duplicate is given when the first copy is stored', async () => {
    const { definition } = entries()
    const stream = await opened(definition, at(scratch(), { durability: 'disk' }))
    const [first, copy, next, old] = await Promise.all([
      stream.send(entry(1)),
      stream.send(entry(1)),
      stream.send(entry(2)),
      stream.send(entry(0)),
    ])
    expect([first.sequence, next.sequence]).toEqual([1, 2])
    for (const receipt of [copy, old]) {
      expect(receipt.sequence).toBeGreaterThanOrEqual(1)
      expect(stream.shardCounters()[0]?.durable).toBeGreaterThanOrEqual(receipt.sequence)
    }
    expect(stream.counters().stored).toBe(2)
  })

  it('of a duplicate is given where nothing else is on its way', async () => {
    const dir = scratch()
    const { definition } = entries()
    for (const _ of [1, 2]) {
      const stream = await opened(definition, at(dir, { durability: 'disk' }))
      await stream.send(entry(1))
      await stream.drain()
      await expect(stream.send(entry(1))).resolves.toMatchObject({ shard: 0, sequence: 1 })
      await stream.close()
    }
  })
})

describe('the producers of a directory', () => {
  it('are written down before the first message of a new one, or of a new epoch', async () => {
    const dir = scratch()
    const { definition } = entries()
    const stream = await opened(definition, at(dir))
    stream.push(entry(1))
    expect(stream.counters().stored).toBe(0)
    expect(partitions(dir)).toEqual([{ producer: 'till-1', epoch: 1 }])
    stream.push(entry(2, 7))
    stream.push(entry(0, 0, 'till-2'))
    expect(partitions(dir)).toEqual([
      { producer: 'till-1', epoch: 7 },
      { producer: 'till-2', epoch: 0 },
    ])
  })

  it('decide the shard where there is no key', async () => {
    const { took, definition } = entries()
    const stream = await opened(definition, at(scratch(), { shards: 4 }))
    await pushAll(
      stream,
      range(0, 40).map((n) => entry(n)),
    )
    await stream.drain()
    expect(stream.shardCounters().filter(({ stored }) => stored > 0)).toHaveLength(1)
    expect(took.map(({ sequence }) => sequence)).toEqual(range(0, 40))
  })

  it('have numbers of their own beside the sources that were read into it', async () => {
    const dir = scratch()
    const data = join(dir, 'data')
    const took: Entry[] = []
    const plain = pipeline('entries')
      .accepts<Entry>()
      .deliver('at-least-once')
      .to(forEach<Entry>(() => {}))
    const produced = pipeline('entries')
      .accepts<Entry>()
      .deliver('at-least-once', { producer: marked })
      .to(forEach<Entry>((sent) => took.push(sent)))
    const before = await opened(plain, at(data))
    const path = join(dir, 'in.ndjson')
    writeFileSync(
      path,
      range(0, 50)
        .map((n) => `${JSON.stringify(entry(n))}\n`)
        .join(''),
    )
    await before.consume(fileSource(path) as never)
    await closed(before as never)

    const stream = await opened(produced, at(data))
    await pushAll(
      stream,
      range(0, 20).map((n) => entry(n)),
    )
    await stream.drain()
    expect(numbers(took)).toEqual(range(0, 20))
    expect(partitions(data)).toEqual([
      expect.objectContaining({ partition: path }),
      { producer: 'till-1', epoch: 1 },
    ])
  })

  it('are bounded by what a segment of the ack log has room for', async () => {
    const { definition } = entries()
    const stream = await opened(definition, {
      workers: 0,
      delivery: 'at-most-once',
      ...small,
    })
    for (let i = 0; i < 5461; i++) {
      while (!stream.push(entry(1, 1, `till-${i}`))) await stream.ready()
    }
    const refusal = thrownBy(() => stream.push(entry(1, 1, 'one too many')))
    expect(refusal).toMatchObject({
      code: 'SEMEL_SOURCE',
      message:
        'the directory knows 5461 partitions of sources and producers, and takes no more than 5461; open another directory, or one with a larger segment',
    })
    expect(stream.push(entry(2, 1, 'till-0'))).toBe(true)
  })
})

describe('a pipeline with producers', () => {
  it('drops duplicates at most once too, as long as the stream is open', async () => {
    const { took, definition } = entries()
    const stream = await opened(definition, { workers: 0, delivery: 'at-most-once' })
    await pushAll(stream, [entry(1), entry(1), entry(2), entry(1)])
    await stream.drain()
    expect(numbers(took)).toEqual([1, 2])
    expect(stream.doorCounters().duplicate).toBe(2)
  })

  it('sends a dead letter again past the door', async () => {
    const took: Entry[] = []
    let fails = true
    const definition = pipeline('entries')
      .accepts<Entry>()
      .deliver('exactly-once', { producer: marked })
      .retry({ attempts: 1 })
      .tap(() => {
        if (fails) throw new Error('not yet')
      })
      .to(forEach<Entry>((sent) => took.push(sent), { idempotent: true }))
    const stream = await opened(definition, at(scratch()))
    await pushAll(stream, [entry(1)])
    await stream.drain()
    fails = false
    for await (const letter of stream.deadLetters.list()) await stream.deadLetters.retry(letter)
    await stream.drain()
    expect(numbers(took)).toEqual([1])
    expectBalanced(stream.counters())
  })

  it('reads no source, and takes no frames without a call for each', async () => {
    const { definition } = entries()
    const stream = await opened(definition, at(scratch()))
    await expect(stream.consume(fileSource('in.ndjson') as never)).rejects.toThrow(
      "consume: the pipeline entries knows copies by its producers' numbers, and a source keeps its own; use send or push, or deliver with { id, window }",
    )
    const raw = pipeline('raw')
      .accepts(frames({ size: 24 }))
      .deliver('at-least-once', {
        producer: (frame) => ({
          id: String(frame.u64(0)),
          epoch: frame.u32(8),
          sequence: frame.u32(16),
        }),
      })
      .to(forEach(() => {}))
    const feed = await opened(raw, at(scratch()))
    expect(thrownBy(() => feed.pushFrames(new Uint8Array(48))).message).toBe(
      'pushFrames: the pipeline knows copies by producer, which is a call for each frame; use push or send',
    )
    expect(feed.push(new Uint8Array(24))).toBe(true)
    expect(feed.push(new Uint8Array(24))).toBe(true)
    await feed.drain()
    expect([feed.counters().stored, feed.doorCounters().duplicate]).toEqual([1, 1])
  })

  it.each<[unknown, string]>([
    [7, 'deliver.producer: 7 tells no producer; return { id, epoch, sequence }'],
    [undefined, 'deliver.producer: undefined tells no producer; return { id, epoch, sequence }'],
    [
      { id: 7, epoch: 1, sequence: 1 },
      'deliver.producer.id: 7 is no name; return a text of 1 to 256 characters',
    ],
    [
      { id: '', epoch: 1, sequence: 1 },
      'deliver.producer.id: "" is no name; return a text of 1 to 256 characters',
    ],
    [
      { id: 'a'.repeat(257), epoch: 1, sequence: 1 },
      `deliver.producer.id: "${'a'.repeat(80)}…" is no name; return a text of 1 to 256 characters`,
    ],
    [
      { id: 'a', epoch: -1, sequence: 1 },
      'deliver.producer.epoch: -1 is out of bounds; give a whole number from 0 to 9007199254740991',
    ],
    [
      { id: 'a', epoch: 1, sequence: 2 ** 48 },
      'deliver.producer.sequence: 281474976710656 is out of bounds; give a whole number from 0 to 281474976710655',
    ],
    [
      { id: 'a', epoch: 1, sequence: 1n },
      'deliver.producer.sequence: 1n is out of bounds; give a whole number from 0 to 281474976710655',
    ],
  ])('refuses the mark %o, and keeps no trace of it', async (mark, message) => {
    const dir = scratch()
    const definition = pipeline('entries')
      .accepts<unknown>()
      .deliver('at-least-once', { producer: (sent) => sent as Produced })
      .to(forEach(() => {}))
    const stream = await opened(definition, at(dir))
    const refusal = thrownBy(() => stream.push(mark))
    expect([refusal.code, refusal.message]).toEqual(['SEMEL_INVALID_ARGUMENT', message])
    await stream.drain()
    expect(stream.counters().stored).toBe(0)
    expect(partitions(dir)).toEqual([])
  })
})
