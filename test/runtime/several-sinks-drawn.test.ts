import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  file,
  fileSinkPath,
  fixed,
  idempotencyKey,
  open,
  pipeline,
  RejectedOutputs,
  Unavailable,
  type Branch,
  type DeadLetterRecord,
  type Definition,
  type Position,
  type Sink,
  type SinkContext,
  type Stream,
} from 'semel'
import { drawnFaults, memoryTransactional, type MemoryTransactional } from 'semel/testing'
import { afterEach, expect, test } from 'vitest'
import { Random } from '../faults/random.js'
import { expectBalanced, pushAll, scratch } from './verbs.js'

// Pipelines with sinks of every kind side by side, drawn from a seed, over lives that end in the middle;
// what the sinks hold is compared with what a plain model says.

const seeds = Array.from(
  { length: Number(process.env['SEMEL_SEEDS'] ?? 6) },
  (_, at) => `several ${at}`,
)
const lives = 3
const each = 60

interface Order {
  readonly id: number
  readonly key: number
}

/** An output as it was made: which of its message's, for which branch. */
interface Leg {
  readonly id: number
  readonly key: number
  readonly leg: string
}

/** What a sink does with a write, and what it holds. */
interface World {
  readonly sink: Sink<never>
  readonly kind: 'rewindable' | 'idempotent' | 'transactional'
  /** In the order in which they came; of each shard by itself. */
  held(): readonly (readonly Leg[])[]
}

type Fault = 'throw' | 'unavailable' | 'reject' | undefined

function drawFault(random: Random, refuses: boolean): Fault {
  const drawn = random.below(100)
  if (drawn < 6) return 'throw'
  if (drawn < 9) return 'unavailable'
  return drawn < 13 && refuses ? 'reject' : undefined
}

const isBad = (bad: number, { id }: { readonly id: number }): boolean => id % 13 === bad

/** Why a write of these fails; what is at fault for ever comes first. */
function failureOf(
  outputs: readonly { readonly id: number }[],
  bad: number,
  random: Random,
  refuses = true,
): RejectedOutputs | Error | undefined {
  const at = outputs.findIndex((output) => isBad(bad, output))
  if (at >= 0) return new RejectedOutputs(new Map([[at, new Error('it is bad')]]))
  switch (drawFault(random, refuses)) {
    case 'throw':
      return new Error('the sink is down')
    case 'unavailable':
      return new Unavailable('it is busy', { retryAfter: 1 })
    case 'reject': {
      const index = random.below(outputs.length)
      return new RejectedOutputs(new Map([[index, new Error('not this time')]]))
    }
    default:
      return undefined
  }
}

/** A list that can be cut back; others put theirs behind it now and then. */
function tape(name: string, bad: number, random: Random, refuses = true): World {
  const shards: (Leg | 'foreign')[][] = []
  const connect = ({ shard }: SinkContext) => {
    const list = (shards[shard] ??= [])
    let isCut = false
    return {
      rewind(place: number | undefined) {
        if (place !== undefined) list.length = place
        isCut = true
        if (random.below(4) === 0) list.push('foreign')
      },
      place: () => list.length,
      write(outputs: readonly Leg[]) {
        expect(isCut).toBe(true)
        const failure = failureOf(outputs, bad, random, refuses)
        if (failure !== undefined) throw failure
        list.push(...outputs)
      },
      close() {},
    }
  }
  return {
    kind: 'rewindable',
    sink: Object.freeze({ name, kind: 'rewindable', connect }) as never,
    held: () => shards.map((list) => list.filter((one) => one !== 'foreign')),
  }
}

/** Files of lines, put aside when they are full in half of the cases; they fail before they write. */
function files(name: string, bad: number, random: Random): World {
  const dir = scratch()
  const path = join(dir, `${name.replace('/', '-')}.ndjson`)
  const rotate = random.chance(0.5) ? { rotate: { size: 4096, keep: 1000 } } : {}
  const inner = file(path, rotate)
  const connect = async (context: SinkContext) => {
    const connection = await inner.connect(context)
    return {
      rewind: (place: number | undefined) => connection.rewind?.(place),
      place: () => connection.place?.(),
      write(outputs: readonly Leg[], position: Position) {
        const failure = failureOf(outputs, bad, random)
        if (failure !== undefined) throw failure
        return connection.write(outputs, position)
      },
      flush: () => connection.flush?.(),
      close: () => connection.close(),
    }
  }
  const linesOf = (shard: number): Leg[] => {
    const stem = basename(fileSinkPath(path, shard, 2), '.ndjson')
    const full = readdirSync(dir).filter((one) => one.startsWith(`${stem}.0`))
    return [...full.toSorted(), `${stem}.ndjson`].flatMap((one) =>
      readFileSync(join(dir, one), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Leg),
    )
  }
  return {
    kind: 'rewindable',
    sink: Object.freeze({ name, kind: 'rewindable', connect }) as never,
    held: () => [linesOf(0), linesOf(1)],
  }
}

/** Keeps each output under its key, once; some are in although the call says that they are not. */
function bag(name: string, bad: number, random: Random): World {
  const shards: Map<string, Leg>[] = []
  const connect = ({ shard }: SinkContext) => {
    const kept = (shards[shard] ??= new Map())
    return {
      async write(outputs: readonly Leg[], position: Position) {
        const failure = failureOf(outputs, bad, random)
        const written = failure === undefined ? outputs.length : random.below(outputs.length + 1)
        const rejected = failure instanceof RejectedOutputs ? [...failure.rejected] : []
        const [first] = rejected
        const end = first === undefined ? written : Math.min(first[0], written)
        for (let at = 0; at < end; at++) {
          const key = idempotencyKey(position.originOf(at))
          expect(kept.get(key) ?? outputs[at]).toEqual(outputs[at])
          kept.set(key, outputs[at] as Leg)
        }
        if (failure === undefined) return
        if (first === undefined) throw failure
        throw new RejectedOutputs(new Map(rejected), end)
      },
      close() {},
    }
  }
  return {
    kind: 'idempotent',
    sink: Object.freeze({ name, kind: 'idempotent', connect }) as never,
    held: () => shards.map((kept) => [...kept.values()]),
  }
}

const stores: MemoryTransactional[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

async function storeOf(seed: string, bad: number): Promise<World> {
  const store = await memoryTransactional({
    fault: drawnFaults(seed, { before: 0.04, after: 0.04, late: 0.04, onItsWay: 0.04 }),
    rejects: (output) => (isBad(bad, output as Leg) ? 'it is bad' : undefined),
  })
  stores.push(store)
  return {
    kind: 'transactional',
    sink: store.sink as never,
    held: () => {
      expect(store.violations).toEqual([])
      return [store.outputs() as Leg[]]
    },
  }
}

interface Drawn {
  readonly definition: Definition<Order>
  /** By branch. */
  readonly worlds: readonly (readonly World[])[]
  readonly bads: readonly (readonly number[])[]
  readonly letters: World
}

/** A branch takes the orders whose id it divides, and makes so many legs of each. */
const takes = (branch: number, { id }: Order): boolean => id % (branch + 1) === 0
const legs = (branch: number, id: number): number => 1 + ((id + branch) % 3)

function legsOf(branch: number, { id, key }: Order): Leg[] {
  return Array.from({ length: legs(branch, id) }, (_, leg) => ({
    id,
    key,
    leg: `${branch}.${leg}`,
  }))
}

async function draw(seed: string): Promise<Drawn> {
  const random = new Random(seed)
  const branches = random.between(1, 3)
  const transactional = random.chance(0.6) ? random.below(branches) : -1
  const worlds: World[][] = []
  const bads: number[][] = []
  for (let branch = 0; branch < branches; branch++) {
    const own: World[] = []
    const bad: number[] = []
    for (let at = random.between(branches === 1 ? 2 : 1, 2); at > 0; at--) {
      bad.push(random.below(26))
      const name = `${branch}/${at}`
      if (transactional === branch && at === 1) own.push(await storeOf(seed, bad.at(-1) as number))
      else own.push(random.oneOf([tape, files, files, bag])(name, bad.at(-1) as number, random))
    }
    worlds.push(own)
    bads.push(bad)
  }
  const letters = tape('letters', -1, random, false)
  const begun = pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
    .keyBy((order) => order.key)
    .retry({ attempts: 4, backoff: fixed('1ms') })
    .deadLetters(letters.sink as Sink<DeadLetterRecord<Order>, 'rewindable'>)
  const definition = begun.branch(
    Object.fromEntries(
      worlds.map((own, branch) => [
        `branch${branch}`,
        (b: Branch<Order, 'exactly-once'>) =>
          b
            .filter((order) => takes(branch, order))
            .flatMap((order) => legsOf(branch, order))
            .to(...(own.map(({ sink }) => sink) as [Sink<Leg, 'rewindable'>])),
      ]),
    ) as never,
  )
  return { definition: definition as Definition<Order>, worlds, bads, letters }
}

const named = ({ id, leg }: Leg): string => `${id}:${leg}`

function expectAgreement(drawn: Drawn, sent: readonly Order[], stream: Stream<Order>): void {
  const { worlds, bads, letters } = drawn
  const dead = letters.held().flat() as unknown as DeadLetterRecord<Order>[]
  const deadIds = dead.map(({ message }) => message?.id as number)
  expect(deadIds.length).toBe(stream.counters().deadLettered)
  expect(new Set(deadIds).size).toBe(deadIds.length)
  for (const [branch, own] of worlds.entries()) {
    for (const [at, world] of own.entries()) {
      const due = sent.filter((order) => takes(branch, order))
      for (const order of due) {
        if (isBad((bads[branch] as number[])[at] as number, order))
          expect(deadIds).toContain(order.id)
      }
      const alive = due
        .filter(({ id }) => !deadIds.includes(id))
        .flatMap((one) => legsOf(branch, one))
      const held = world.held()
      const found = held.flat()
      // What is idempotent has no way back: it may have a part of what failed elsewhere.
      const counted =
        world.kind === 'idempotent' ? found.filter(({ id }) => !deadIds.includes(id)) : found
      expect(counted.map(named).toSorted()).toEqual(alive.map(named).toSorted())
      if (world.kind === 'idempotent') continue
      for (const list of held) expectOrder(list)
    }
  }
}

/** By key, as they were sent, and each order's legs together. */
function expectOrder(list: readonly Leg[]): void {
  const last = new Map<number, number>()
  for (const { key, id } of list) {
    expect(id).toBeGreaterThanOrEqual(last.get(key) ?? -1)
    last.set(key, id)
  }
}

test.each(seeds)('%s: all sinks agree', async (seed) => {
  const drawn = await draw(seed)
  const random = new Random(`${seed} lives`)
  const dir = join(scratch(), 'stream')
  const durability = random.oneOf(['process', 'disk', { interval: 5 }] as const)
  const sent: Order[] = []
  let stream: Stream<Order> | undefined
  for (let life = 0; life < lives; life++) {
    stream = await open(drawn.definition, { dir, workers: 0, shards: 2, durability })
    const orders = Array.from({ length: each }, (_, at) => {
      const id = life * each + at
      return { id, key: id % 5 }
    })
    sent.push(...orders)
    for (let at = 0; at < orders.length; at += 7) {
      await pushAll(stream, orders.slice(at, at + 7))
      await new Promise(setImmediate)
    }
    if (life < lives - 1 && random.chance(0.6)) await stream.close({ timeout: 0 }).catch(() => {})
    else {
      await stream.drain()
      await stream.close()
    }
  }
  expectBalanced((stream as Stream<Order>).counters())
  expectAgreement(drawn, sent, stream as Stream<Order>)
})
