import { join } from 'node:path'
import {
  fixed,
  memory,
  open,
  pipeline,
  RejectedOutputs,
  type Definition,
  type OpenOptions,
  type Sink,
} from 'semel'
import { inspectDirectory } from 'semel/directory'
import { describe, expect, test } from 'vitest'
import {
  expectBalanced,
  fixture,
  next,
  opened,
  outputs as linesOf,
  pushAll,
  scratch,
  small,
  startFixture,
  until,
  whileBalanced,
} from './verbs.js'

interface Job {
  readonly id: number
  readonly key: string
  /** Attempts that fail before one works. */
  readonly fails?: number
}

const jobs = (...texts: string[]): Job[] =>
  texts.map((text, id) => {
    const [key, fails] = text.split('!') as [string, string?]
    return { id, key, ...(fails === undefined ? {} : { fails: Number(fails) }) }
  })

function start(attempts = 3, backoffMs = 5) {
  return pipeline('jobs')
    .accepts<Job>()
    .deliver('exactly-once', { id: (job) => job.id, window: '1h' })
    .keyBy((job) => job.key)
    .retry({ attempts, backoff: fixed(backoffMs) })
}

/** A handler that fails as the job says, and notes every attempt. */
function failing(tries: string[]) {
  const failed = new Map<number, number>()
  return (job: Job): Job => {
    tries.push(`${job.key}${job.id}`)
    const before = failed.get(job.id) ?? 0
    if (before >= (job.fails ?? 0)) return job
    failed.set(job.id, before + 1)
    throw new Error(`attempt ${before + 1} of ${job.id} fails`)
  }
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** The same handler, answering at once or with a promise. */
const answers: Record<string, (handler: (job: Job) => Job) => (job: Job) => Job | Promise<Job>> = {
  'at once': (handler: (job: Job) => Job) => handler,
  'with a promise': (handler: (job: Job) => Job) => async (job: Job) => {
    await turn()
    return handler(job)
  },
}

const inline = (dir = scratch()): OpenOptions => ({
  dir,
  ...small,
  workers: 0,
  durability: 'process',
})

const ids = (written: readonly unknown[], key?: string): number[] =>
  (written as Job[]).filter((job) => key === undefined || job.key === key).map(({ id }) => id)

async function run(
  definition: Definition<Job>,
  messages: readonly Job[],
  options = inline(),
): Promise<void> {
  const stream = await opened(definition, options)
  await whileBalanced(stream, async () => {
    await pushAll(stream, messages)
    await stream.drain({ timeout: 5000 })
  })
  await stream.close()
}

describe.each(Object.entries(answers))('a handler that answers %s', (_, answer) => {
  test('is tried again, while later messages of its key wait and other keys go on', async () => {
    const sink = memory<Job>()
    const tries: string[] = []
    await run(
      start()
        .map(answer(failing(tries)))
        .to(sink),
      jobs('a', 'b!2', 'b', 'c', 'b', 'a', 'b'),
    )
    expect(ids(sink.outputs, 'a')).toEqual([0, 5])
    expect(ids(sink.outputs, 'b')).toEqual([1, 2, 4, 6])
    expect(ids(sink.outputs)).toHaveLength(7)
    expect(ids(sink.outputs).slice(0, 3).toSorted()).toEqual([0, 3, 5])
    // No later message of the key was even tried before.
    expect(tries.filter((one) => one.startsWith('b'))).toEqual(['b1', 'b1', 'b1', 'b2', 'b4', 'b6'])
  })

  test('sees its attempts counted, and the backoff between them', async () => {
    const seen: { attempt: number; at: number }[] = []
    const sink = memory<Job>()
    await run(
      start(5, 30)
        .map(
          answer((job) => {
            seen.push({ attempt: 0, at: performance.now() })
            if (seen.length < 4) throw new Error('not yet')
            return job
          }),
        )
        .tap((__, { attempt }) => {
          for (const one of seen) one.attempt = attempt
        })
        .to(sink),
      jobs('a'),
    )
    expect(seen).toHaveLength(4)
    expect(seen[0]?.attempt).toBe(4)
    for (let i = 1; i < seen.length; i++) {
      expect((seen[i]?.at ?? 0) - (seen[i - 1]?.at ?? 0)).toBeGreaterThan(28)
    }
  })

  test('leaves a dead letter after the last attempt, and the key goes on', async () => {
    const sink = memory<Job>()
    const dir = scratch()
    const stream = await opened(
      start(3, 1)
        .map(answer(failing([])))
        .to(sink),
      inline(dir),
    )
    const told = next<{ sequence: number; error: string }>(stream, 'dead-letter')
    await pushAll(stream, jobs('a', 'a!9', 'a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(await told).toMatchObject({ sequence: 2, error: expect.stringContaining('attempt 3') })
    expect(stream.counters()).toMatchObject({ stored: 4, processed: 3, deadLettered: 1, parked: 0 })
    await stream.close()
    expect(ids(sink.outputs, 'a')).toEqual([0, 2])
    expect(inspectDirectory(dir).shards[0]).toMatchObject({ deadLettersOpen: 1, deadLettered: 1 })
  })

  test('has a copy of a parked message wait for its outcome, which makes it a duplicate', async () => {
    const sink = memory<Job>()
    const stream = await opened(
      start(3, 20)
        .map(answer(failing([])))
        .to(sink),
      inline(),
    )
    const [first] = jobs('a!2') as [Job]
    await pushAll(stream, [first])
    await until(() => stream.counters().parked === 1)
    await pushAll(stream, [first, first])
    await until(() => stream.counters().parked === 3)
    expect(stream.counters().duplicate).toBe(0)
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 1, duplicate: 2, parked: 0 })
    await stream.close()
    expect(ids(sink.outputs)).toEqual([0])
  })

  test('has a copy of a dead letter be a duplicate', async () => {
    const sink = memory<Job>()
    const stream = await opened(
      start(1)
        .map(answer(failing([])))
        .to(sink),
      inline(),
    )
    const [dead] = jobs('a!9') as [Job]
    await pushAll(stream, [dead, dead])
    await stream.drain({ timeout: 5000 })
    await pushAll(stream, [dead])
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ deadLettered: 1, duplicate: 2 })
  })

  test('parks over a close, and its attempts and order go on after it', async () => {
    const dir = scratch()
    const sink = memory<Job>()
    const tries: string[] = []
    const handler = failing(tries)
    const definition = start(4, 50).map(answer(handler)).to(sink)
    const first = await opened(definition, inline(dir))
    await pushAll(first, jobs('a!2', 'a', 'b', 'a'))
    await until(() => first.counters().parked === 3)
    await first.close()
    expect(inspectDirectory(dir).shards[0]).toMatchObject({ parked: 3, processed: 1, clean: true })
    const second = await opened(definition, inline(dir))
    await pushAll(second, [{ id: 4, key: 'a' }])
    await second.drain({ timeout: 5000 })
    expectBalanced(second.counters())
    await second.close()
    expect(ids(sink.outputs, 'a')).toEqual([0, 1, 3, 4])
    expect(tries.filter((one) => one === 'a0')).toHaveLength(3)
  })

  test('stops the shard when parkedMax is met, which says so and goes on afterwards', async () => {
    const sink = memory<Job>()
    let broken = true
    const definition = start(1000, 2)
      .map(
        answer((job) => {
          if (broken) throw new Error('broken')
          return job
        }),
      )
      .to(sink)
    const stream = await opened(definition, { ...inline(), parkedMax: 8, inFlightMax: 16 })
    const stalled = next(stream, 'stalled')
    const messages = Array.from({ length: 200 }, (__, id) => ({ id, key: `key ${id % 50}` }))
    await pushAll(stream, messages)
    expect(await stalled).toMatchObject({ shard: 0, reason: 'parked' })
    const { parked, inFlight } = stream.counters()
    // Also what was in flight: no more of it than might be parked.
    expect(parked).toBe(8)
    expect(inFlight).toBe(200 - parked)
    broken = false
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 200, parked: 0 })
    for (let key = 0; key < 50; key++) {
      const found = ids(sink.outputs, `key ${key}`)
      expect(found).toEqual([key, key + 50, key + 100, key + 150])
    }
  })

  test('keeps the order of keys however messages fail', async () => {
    let seed = 7
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    const sink = memory<Job>()
    const messages = Array.from({ length: 600 }, (__, id) => ({
      id,
      key: `k${random(12)}`,
      fails: random(6) === 0 ? 1 + random(3) : 0,
    }))
    const failed = new Map<number, number>()
    const worked = new Map<string, number[]>()
    const overtaken: number[] = []
    const handler = (job: Job): Job => {
      // Those of its key that came before it have all worked by now.
      const before = worked.get(job.key) ?? []
      const due = messages.filter(({ id, key }) => key === job.key && id < job.id).length
      if (before.length !== due) overtaken.push(job.id)
      const failures = failed.get(job.id) ?? 0
      if (failures < (job.fails ?? 0)) {
        failed.set(job.id, failures + 1)
        throw new Error('fails')
      }
      worked.set(job.key, [...before, job.id])
      return job
    }
    await run(start(5, 2).map(answer(handler)).to(sink), messages)
    expect(overtaken).toEqual([])
    expect(sink.outputs).toHaveLength(600)
    for (const [key, ended] of worked) expect(ids(sink.outputs, key)).toEqual(ended)
  })
})

describe('asynchronous handlers', () => {
  test('run side by side up to the concurrency, those of one key one after the other', async () => {
    const sink = memory<Job>()
    let running = 0
    let most = 0
    const busy = new Set<string>()
    await run(
      start()
        .concurrency(5)
        .map(async (job) => {
          expect(busy.has(job.key)).toBe(false)
          busy.add(job.key)
          running += 1
          most = Math.max(most, running)
          await turn()
          running -= 1
          busy.delete(job.key)
          return job
        })
        .to(sink),
      Array.from({ length: 300 }, (_, id) => ({ id, key: `${id % 20}` })),
    )
    expect(most).toBe(5)
    expect(sink.outputs).toHaveLength(300)
    for (let key = 0; key < 20; key++) {
      const found = ids(sink.outputs, String(key))
      expect(found).toEqual(found.toSorted((a, b) => a - b))
    }
  })

  test('may answer at once for some messages and later for others, without changing the order', async () => {
    const sink = memory<Job>()
    await run(
      start()
        .map((job) => (job.id % 3 === 0 ? turn().then(() => job) : job))
        .flatMap((job) => [job, job])
        .filter((job) => job.id % 5 !== 0)
        .to(sink),
      Array.from({ length: 200 }, (_, id) => ({ id, key: 'one' })),
    )
    const kept = Array.from({ length: 200 }, (_, id) => id).filter((id) => id % 5 !== 0)
    expect(ids(sink.outputs)).toEqual(kept.flatMap((id) => [id, id]))
  })
})

describe('batches', () => {
  test('that fail are tried message by message', async () => {
    const sink = memory<number[]>()
    const dir = scratch()
    const stream = await opened(
      start(2, 1)
        .batch(4, { within: '5ms' })
        .map((batch) => {
          if (batch.some(({ fails }) => fails)) throw new Error('spoilt')
          return batch.map(({ id }) => id)
        })
        .to(sink),
      inline(dir),
    )
    await pushAll(stream, jobs('a', 'b', 'c!9', 'd', 'e', 'f', 'g', 'h'))
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 7, deadLettered: 1 })
    expect(sink.outputs.flat().toSorted()).toEqual([0, 1, 3, 4, 5, 6, 7])
    expect(sink.outputs).toContainEqual([4, 5, 6, 7])
    expect(sink.outputs).toContainEqual([0])
  })

  test('go on when nobody fills them, and when the shard can take no more', async () => {
    const sink = memory<Job[]>()
    const stream = await opened(
      start()
        .batch(50_000, { within: '1h' })
        .to(sink as never),
      { ...inline(), inFlightMax: 1024 },
    )
    const messages = Array.from({ length: 3000 }, (_, id) => ({ id, key: `${id}` }))
    await pushAll(stream, messages)
    await until(() => stream.counters().processed > 0, 'a batch')
    await stream.drain({ timeout: 5000 })
    expect(sink.outputs.flat()).toHaveLength(3000)
  })

  test('are full again after a drain', async () => {
    const sink = memory<number>()
    for (const workers of [0]) {
      const stream = await opened(
        start()
          .batch(10, { within: '1h' })
          .map((batch) => batch.length)
          .to(sink),
        { ...inline(), workers },
      )
      await pushAll(stream, jobs('a', 'b', 'c'))
      await stream.drain({ timeout: 5000 })
      const more = Array.from({ length: 20 }, (_, i) => ({ id: 100 + i, key: 'a' }))
      for (const job of more) {
        await pushAll(stream, [job])
        await turn()
      }
      await until(() => stream.counters().processed === 23)
      expect(sink.outputs).toEqual([3, 10, 10])
    }
  })

  test('whose output the sink refuses lose none of their messages', async () => {
    const written: number[][] = []
    const picky: Sink<number[], 'idempotent'> = {
      name: 'refusing',
      kind: 'idempotent',
      connect: () => ({
        write(batches: readonly number[][]) {
          const rejected = new Map<number, Error>()
          for (const [i, batch] of batches.entries()) {
            if (batch.length > 1 && batch.includes(2)) rejected.set(i, new Error('not this one'))
          }
          if (rejected.size > 0) throw new RejectedOutputs(rejected)
          written.push(...batches)
        },
        close() {},
      }),
    }
    const stream = await opened(
      start(3, 1)
        .batch(4, { within: '5ms' })
        .map((batch) => batch.map(({ id }) => id))
        .to(picky),
      inline(),
    )
    await pushAll(stream, jobs('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'))
    await stream.drain({ timeout: 5000 })
    expect(written.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(stream.counters()).toMatchObject({ processed: 8 })
  })

  test('are written once whatever becomes of the other batches of their messages', async () => {
    // Three values each, two to a batch: a message's values are spread over batches.
    const sink = memory<string[]>()
    let failures = 0
    await run(
      start(3, 1)
        .flatMap((job) => ['x', 'y', 'z'].map((part) => `${job.id}${part}`))
        .batch(2, { within: '5ms' })
        .map(async (batch) => {
          await turn()
          if (batch.includes('0x') && failures++ === 0) throw new Error('the first time')
          return [...batch]
        })
        .to(sink),
      jobs('a', 'b', 'c', 'd'),
    )
    const expected = [0, 1, 2, 3].flatMap((id) => ['x', 'y', 'z'].map((part) => `${id}${part}`))
    expect(sink.outputs.flat().toSorted()).toEqual(expected)
  })
})

/** Takes everything but what `refuses` says; what a reader sees is `written`. */
function refusing(refuses: (job: Job) => boolean) {
  const written: Job[] = []
  const sink: Sink<Job, 'idempotent'> = {
    name: 'refusing',
    kind: 'idempotent',
    connect: () => ({
      write(outputs: readonly Job[]) {
        const rejected = new Map<number, Error>()
        for (const [i, job] of outputs.entries()) {
          if (refuses(job)) rejected.set(i, new Error(`refuses ${job.id}`))
        }
        if (rejected.size > 0) throw new RejectedOutputs(rejected)
        written.push(...outputs)
      },
      close() {},
    }),
  }
  return { sink, written }
}

describe('sinks', () => {
  test.each([0, 1])(
    'that refuse an output have later ones of its key wait; %s promises',
    async (promises) => {
      let refusals = 0
      const { sink, written } = refusing((job) => job.id === 1 && refusals++ < 3)
      await run(
        start(5, 3)
          .map((job) => (promises ? turn().then(() => job) : job))
          .to(sink),
        jobs('a', 'b', 'a', 'b', 'c', 'b'),
      )
      expect(ids(written, 'a')).toEqual([0, 2])
      expect(ids(written, 'b')).toEqual([1, 3, 5])
      expect(ids(written)).toHaveLength(6)
    },
  )

  test('that refuse an output for ever leave a dead letter', async () => {
    const { sink, written } = refusing((job) => job.id === 1)
    const dir = scratch()
    const stream = await opened(start(2, 1).to(sink), inline(dir))
    await pushAll(stream, jobs('a', 'b', 'a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 3, deadLettered: 1 })
    await stream.close()
    expect(ids(written, 'b')).toEqual([3])
    expect(inspectDirectory(dir).shards[0]?.deadLettersOpen).toBe(1)
  })

  test('that fail as a whole are tried again with an event, and lose and repeat nothing', async () => {
    const written: Job[] = []
    let failures = 0
    const flaky: Sink<Job, 'idempotent'> = {
      name: 'flaky',
      kind: 'idempotent',
      connect: () => ({
        async write(all: readonly Job[]) {
          await turn()
          if (failures++ % 2 === 0 && failures < 6) throw new Error('not there')
          written.push(...all)
        },
        close() {},
      }),
    }
    const stream = await opened(start().to(flaky), inline())
    const events: unknown[] = []
    stream.on('sink-failed', (event) => events.push(event))
    for (let id = 0; id < 30; id++) {
      await pushAll(stream, [{ id, key: `${id % 3}` }])
      await turn()
    }
    await stream.drain({ timeout: 10_000 })
    expect(ids(written)).toEqual(Array.from({ length: 30 }, (_, id) => id))
    expect(events[0]).toMatchObject({ shard: 0, attempt: 1, error: 'not there' })
    expect(events.length).toBeGreaterThanOrEqual(2)
    expect(stream.counters()).toMatchObject({ processed: 30, deadLettered: 0 })
  })

  test('that never work don’t hold up a close beyond its timeout, nor go on behind it', async () => {
    let writes = 0
    const broken: Sink<Job, 'idempotent'> = {
      name: 'broken',
      kind: 'idempotent',
      connect: () => ({
        write() {
          writes += 1
          throw new Error('never')
        },
        close() {},
      }),
    }
    const dir = scratch()
    const stream = await opened(start().to(broken), inline(dir))
    const events: unknown[] = []
    stream.on('sink-failed', (event) => events.push(event))
    await pushAll(stream, jobs('a', 'b'))
    await until(() => writes > 1)
    const began = performance.now()
    await stream.close({ timeout: 50 })
    expect(performance.now() - began).toBeLessThan(2000)
    const before = { writes, events: events.length }
    await new Promise((resolve) => {
      setTimeout(resolve, 400) // the next attempt, were there one, is due within 200 ms
    })
    expect({ writes, events: events.length }).toEqual(before)
    const sink = memory<Job>()
    const again = await opened(start().to(sink), inline(dir))
    await again.drain({ timeout: 5000 })
    expect(ids(sink.outputs)).toEqual([0, 1])
  })
})

test('a key that can’t be read fails its message, and not the shard', async () => {
  const sink = memory<Job>()
  const dir = scratch()
  const definition = pipeline('jobs')
    .accepts<Job>()
    .deliver('exactly-once', { id: (job) => job.id, window: '1h' })
    .keyBy((job) => job.key.toLowerCase())
    .retry({ attempts: 2, backoff: fixed(1) })
    .map(failing([]))
    .to(sink)
  const stream = await opened(definition, inline(dir))
  try {
    await pushAll(stream, [
      ...jobs('a!1', 'a'),
      { id: 7, fails: 9 } as never,
      ...jobs('a', 'b', 'c', 'd').slice(2),
    ])
  } catch {
    // Refused at the door: as good.
  }
  await stream.drain({ timeout: 5000 })
  expect(ids(sink.outputs, 'a')).toEqual([0, 1])
})

test('parked messages survive kill -9', async () => {
  const dir = scratch()
  const to = join(dir, 'out.ndjson')
  const url = fixture('flaky.pipeline', { to })
  const options = { ...small, dir: join(dir, 'data'), workers: 0, durability: 'process' } as const
  const sender = startFixture('sender', url.href, JSON.stringify(options))
  await sender.lines(200)
  sender.kill()
  const receipts = (await sender.ended).stdout.split('\n').slice(0, -1).map(Number)
  expect(inspectDirectory(options.dir).shards[0]?.parked).toBeGreaterThan(0)
  const stream = await open<Job>(url, options)
  await stream.drain({ timeout: 10_000 })
  await stream.close()
  const written = linesOf<Job>(to, 1)
  const found = new Set(ids(written))
  expect(receipts.filter((id) => !found.has(id))).toEqual([])
  expect(written).toHaveLength(found.size)
  for (const key of new Set(written.map((job) => job.key))) {
    const numbers = ids(written, key)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
})
