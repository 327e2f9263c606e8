import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  fixed,
  forEach,
  memorySource,
  open,
  pipeline,
  type Definition,
  type Delivery,
  type DedupOptions,
  type OpenOptions,
} from 'semel'
import { expect, test } from 'vitest'
import { expectBalanced, opened, pushAll, scratch, small } from '../runtime/verbs.js'

/** A value of one option, and what goes with it where it could not be met otherwise. */
export interface BoundUnderTest {
  readonly name: string
  readonly delivery?: Delivery
  readonly open?: OpenOptions
  readonly dedup?: Partial<Pick<DedupOptions<never>, 'window' | 'maxIds'>> & {
    readonly whenFull?: 'wait' | 'shorten-window'
  }
  readonly attempts?: number
  readonly concurrency?: number
  readonly batch?: { readonly size: number; readonly within: number }
}

interface Item {
  readonly id: number
  readonly key: string
}

const items = (from: number, to: number): Item[] =>
  Array.from({ length: to - from }, (_, n) => ({ id: from + n, key: `k${(from + n) % 5}` }))

const messages = 240

/** A pipeline under the bound; what took effect, by attempt. Every ninth message fails at first. */
function setting(under: BoundUnderTest) {
  const { delivery = 'exactly-once', dedup, attempts = 3, concurrency, batch } = under
  const effects: number[] = []
  const failed = new Set<number>()
  const fails = attempts > 1 && delivery !== 'at-most-once'
  let builder = pipeline('bounds')
    .accepts<Item>()
    .deliver(
      delivery as 'exactly-once',
      delivery === 'exactly-once'
        ? { id: (item: Item) => item.id, window: '1h', ...dedup }
        : (undefined as never),
    )
    .retry({ attempts, backoff: fixed(0) })
    .keyBy((item) => item.key)
  if (concurrency !== undefined) builder = builder.concurrency(concurrency) as typeof builder
  const mapped = builder.map(async (item) => {
    if (concurrency !== undefined) await Promise.resolve()
    if (fails && item.id % 9 === 0 && !failed.has(item.id)) {
      failed.add(item.id)
      throw new Error('not yet')
    }
    return item
  })
  const sink = forEach<Item>((item) => void effects.push(item.id), { idempotent: true })
  const definition =
    batch === undefined
      ? mapped.to(sink)
      : mapped
          .batch(batch.size, { within: batch.within })
          .flatMap((group) => group)
          .to(sink)
  const options: OpenOptions = {
    workers: 0,
    durability: delivery === 'at-most-once' ? 'memory' : 'process',
    ...small,
    ...under.open,
  }
  return {
    definition: definition as Definition<Item>,
    effects,
    options: options.durability === 'memory' ? options : { ...options, dir: join(scratch(), 'd') },
  }
}

/** That a stream keeps its promises at a bound, and is not held up by it. */
export function describeBound(under: BoundUnderTest): void {
  const parkedMax = under.open?.parkedMax ?? Infinity
  const isKept = (under.delivery ?? 'exactly-once') !== 'at-most-once'

  test(`${under.name} carries every message once, in order, and parks no more than it may`, async () => {
    const { definition, effects, options } = setting(under)
    const stream = await opened<Item>(definition, options)
    let parked = 0
    const look = (): void => {
      for (const shard of stream.shardCounters()) {
        expectBalanced(shard)
        parked = Math.max(parked, shard.parked)
      }
    }
    const timer = setInterval(look, 1)
    try {
      await pushAll(stream, items(0, messages))
      await stream.drain({ timeout: 20_000 })
    } finally {
      clearInterval(timer)
    }
    look()
    expect(parked).toBeLessThanOrEqual(parkedMax)
    expect(stream.counters()).toMatchObject({ stored: messages, processed: messages })
    expect(effects.toSorted((a, b) => a - b)).toEqual(items(0, messages).map(({ id }) => id))
    for (let key = 0; key < 5; key++) {
      const ofKey = effects.filter((id) => id % 5 === key)
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    }
  })

  test(`${under.name} tells everyone who waits`, async () => {
    const { definition, options } = setting(under)
    const stream = await opened<Item>(definition, options)
    const sent = Promise.all(
      items(0, 40).map((item) => stream.send(item, { acknowledge: 'processed', timeout: 20_000 })),
    )
    // Hurries what waits for an hour: a batch that is not full, the next sync.
    const told = sent.then(() => true)
    while (!(await Promise.race([told, pause(20, false)]))) await stream.drain({ timeout: 20_000 })
    const ends = await sent
    expect(ends.map(({ outcome }) => outcome)).toEqual(ends.map(() => 'processed'))
  })

  test.skipIf(!isKept)(`${under.name} goes on after a close, and repeats nothing`, async () => {
    const { definition, effects, options } = setting(under)
    for (const end of [messages / 2, messages]) {
      const stream = await open<Item>(definition, options)
      try {
        await stream.consume(memorySource(items(0, end)))
        if (end === messages) await stream.drain({ timeout: 20_000 })
      } finally {
        await stream.close({ timeout: end === messages ? 20_000 : 0 })
      }
    }
    expect(effects.toSorted((a, b) => a - b)).toEqual(items(0, messages).map(({ id }) => id))
  })
}
