import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import type { CommitId, TransactionalConnection } from 'semel'
import {
  drawnFaults,
  memoryTransactional,
  transactionalSink,
  type MemoryTransactional,
  type MemoryTransactionalOptions,
  type TransactionalCall,
  type TransactionalFault,
  originOf,
} from 'semel/testing'

const testing = fileURLToPath(new URL('../../dist/testing/index.js', import.meta.url))
const opened: MemoryTransactional[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

async function opens(options?: MemoryTransactionalOptions): Promise<MemoryTransactional> {
  const store = await memoryTransactional(options)
  opened.push(store)
  return store
}

/** Strikes the first commits that come, one after another. */
function onCommits(...faults: TransactionalFault[]): MemoryTransactionalOptions {
  return { fault: ({ name }) => (name === 'commit' ? faults.shift() : undefined) }
}

async function connect(store: MemoryTransactional): Promise<TransactionalConnection<unknown>> {
  const connection = await store.sink.connect({
    pipeline: 'test',
    shard: 0,
    shards: 1,
    epoch: 1,
    durability: 'disk',
  })
  return connection as TransactionalConnection<unknown>
}

async function begun(store: MemoryTransactional) {
  const connection = await connect(store)
  return { connection, ...(await connection.begin('A')) }
}

const outputs = (...values: unknown[]) =>
  values.map((value, index) => ({ value, origin: originOf(1, index) }))

function send(
  connection: TransactionalConnection<unknown>,
  epoch: number,
  n: number,
  parent: CommitId | undefined,
  ...values: unknown[]
): Promise<void> {
  return connection.commit(outputs(...values), {
    id: { lineage: 'A', epoch, n },
    parent,
    through: n,
    positions: Uint8Array.of(n),
  })
}

const lost = { code: 'SEMEL_UNAVAILABLE', message: 'the connection to the store is lost' }

describe('a store in memory', () => {
  test('loses a connection ahead of a commit', async () => {
    const store = await opens(onCommits('before'))
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject(lost)
    await expect(connection.last()).rejects.toMatchObject(lost)
    expect((await begun(store)).last).toBe(undefined)
    expect(store.calls.find(({ name }) => name === 'commit')).toMatchObject({
      fault: 'before',
      end: 'nothing',
      id: { lineage: 'A', epoch: 1, n: 1 },
    })
  })

  test('takes a commit whose answer is lost', async () => {
    const store = await opens(onCommits('after'))
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject(lost)
    expect((await begun(store)).last).toEqual({ lineage: 'A', epoch: 1, n: 1 })
    expect(store.outputs()).toEqual(['a'])
  })

  test('refuses by its epoch a commit that comes late', async () => {
    const store = await opens(onCommits('late'))
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject(lost)
    const next = await begun(store)
    expect(next).toMatchObject({ epoch: 2, last: undefined })
    expect(store.calls.find(({ name }) => name === 'commit')?.end).toBe('refused')
    await send(next.connection, 2, 1, undefined, 'b')
    expect(store.outputs()).toEqual(['b'])
  })

  test('takes a commit that comes ahead of the next begin, which tells it', async () => {
    const store = await opens(onCommits('on-its-way'))
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject(lost)
    expect(store.outputs()).toEqual([])
    expect(await (await connect(store)).last()).toBe(undefined)
    expect((await begun(store)).last).toEqual({ lineage: 'A', epoch: 1, n: 1 })
    expect(store.outputs()).toEqual(['a'])
  })

  test('takes what is under way on request: a sink that does not begin again finds it twice', async () => {
    const store = await opens(onCommits('late'))
    const { connection, epoch } = await begun(store)
    await send(connection, epoch, 1, undefined, 'a').catch(() => {})
    store.land()
    expect(store.outputs()).toEqual(['a'])
  })

  test('raises the epoch late, under a commit that comes after', async () => {
    let begins = 0
    const store = await opens({
      fault: ({ name }) => (name === 'begin' && ++begins === 1 ? 'late' : undefined),
    })
    await expect(begun(store)).rejects.toMatchObject(lost)
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject({
      name: 'CommitRefused',
    })
    expect(await begun(store)).toMatchObject({ epoch: 3, last: undefined })
  })

  test('refuses, and rejects single outputs, when it is asked to', async () => {
    const store = await opens(onCommits('refuse', { reject: [1] }))
    const { connection, epoch } = await begun(store)
    await expect(send(connection, epoch, 1, undefined, 'a')).rejects.toMatchObject({
      name: 'CommitRefused',
    })
    await expect(send(connection, epoch, 1, undefined, 'a', 'b')).rejects.toMatchObject({
      name: 'RejectedOutputs',
      rejected: new Map([[1, new Error('it was asked to be refused')]]),
    })
    await send(connection, epoch, 2, undefined, 'a', 'b')
    expect(store.outputs()).toEqual(['a', 'b'])
  })

  test('is slow, and leaves a call without an answer', async () => {
    const store = await opens(onCommits({ slowMs: 30 }, 'hang'))
    const { connection, epoch } = await begun(store)
    const before = performance.now()
    await send(connection, epoch, 1, undefined, 'a')
    expect(performance.now() - before).toBeGreaterThan(25)
    const parent = { lineage: 'A', epoch, n: 1 }
    const hanging = send(connection, epoch, 2, parent, 'b')
    const late = new Promise((resolve) => setTimeout(resolve, 50, 'late'))
    expect(await Promise.race([hanging, late])).toBe('late')
    store.cut()
    await expect(hanging).rejects.toMatchObject(lost)
    expect(store.outputs()).toEqual(['a', 'b'])
  })

  test.each([
    [false, 2],
    [true, 1],
  ])('forgets what was committed, and epochs where that is asked: %s', async (epochs, next) => {
    const store = await opens()
    const { connection, epoch } = await begun(store)
    await send(connection, epoch, 1, undefined, 'a')
    store.drop({ epochs })
    expect(await begun(store)).toMatchObject({ epoch: next, last: undefined })
    expect(store.outputs()).toEqual([])
  })

  test('says how the contract was broken', async () => {
    const store = await opens({ commitsMax: 2 })
    const { connection, epoch } = await begun(store)
    const id = (n: number): CommitId => ({ lineage: 'A', epoch, n })
    await Promise.allSettled([
      send(connection, epoch, 1, undefined),
      send(connection, epoch, 2, id(1)),
      send(connection, epoch, 3, id(2)),
    ])
    expect(store.violations).toEqual(['["test",0]: commit was called with 2 calls under way'])
    await send(connection, epoch, 3, id(3)).catch(() => {})
    expect(store.violations.slice(1)).toEqual([
      '["test",0]: A/1/3 was committed a second time',
      `["test",0]: A/1/3 has the parent 1/3, which is not older`,
    ])
  })

  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(${JSON.stringify(testing)}).then(async ({ transactionalSink }) => {
      const address = workerData ?? process.argv[1]
      const context = { pipeline: 'test', shard: 0, shards: 1, epoch: 1, durability: 'disk' }
      const connection = await transactionalSink(address).connect(context)
      const { epoch, last } = await connection.begin('A')
      const id = { lineage: 'A', epoch, n: (last?.n ?? 0) + 1 }
      await connection.commit([{ value: epoch, origin: {} }], {
        id, parent: last, through: 1, positions: new Uint8Array()
      })
      connection.close()
    })`

  test('is one store for all threads and processes', async () => {
    const store = await opens()
    await new Promise((resolve, reject) => {
      const worker = new Worker(program, { eval: true, workerData: store.address })
      worker.once('error', reject).once('exit', resolve)
    })
    await promisify(execFile)(process.execPath, ['-e', program, store.address])
    expect((await begun(store)).last).toEqual({ lineage: 'A', epoch: 2, n: 2 })
    expect(store.outputs()).toEqual([1, 2])
  })

  test.each([
    [() => transactionalSink('example.org:80'), /no address of a store/],
    [() => memoryTransactional({ commitsMax: 0 }), /commitsMax: 0/],
    [() => memoryTransactional({ fault: 'late' as never }), /fault: "late" is not a function/],
    [() => memoryTransactional({ faults: 1 } as never), /no option "faults"/],
  ])('refuses what it can not use', async (call, message) => {
    await expect((async () => call())()).rejects.toThrow(message)
  })
})

const call = (name: TransactionalCall['name'], shard = 0): TransactionalCall => ({
  name,
  pipeline: 'test',
  shard,
  number: 0,
  outputs: name === 'commit' ? 3 : 0,
})

describe('drawn faults', () => {
  test('are the same for a seed, shard by shard', () => {
    const [a, b] = [drawnFaults('7'), drawnFaults('7')]
    const alone = Array.from({ length: 500 }, () => a(call('commit')))
    const beside = Array.from({ length: 500 }, () => {
      b(call('commit', 1))
      return b(call('commit'))
    })
    expect(beside).toEqual(alone)
    const other = drawnFaults('8')
    expect(Array.from({ length: 500 }, () => other(call('commit')))).not.toEqual(alone)
  })

  test('strike as often as they are asked to, and each only what it can strike', () => {
    const fault = drawnFaults('7', { dropAll: 0.01 })
    const kinds = (name: TransactionalCall['name']): Map<string, number> => {
      const counts = new Map<string, number>()
      for (let i = 0; i < 20_000; i++) {
        const one = fault(call(name))
        const kind = typeof one === 'object' ? (Object.keys(one)[0] as string) : String(one)
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
      }
      return counts
    }
    const all = ['before', 'after', 'slowMs', 'late', 'on-its-way', 'reject', 'refuse', 'drop']
    expect([...kinds('commit').keys()].toSorted()).toEqual([...all, 'undefined'].toSorted())
    expect([...kinds('last').keys()].toSorted()).toEqual(['after', 'before', 'slowMs', 'undefined'])
    const lateOnes = kinds('commit').get('late') ?? 0
    expect(lateOnes / 20_000).toBeGreaterThan(0.015)
    expect(lateOnes / 20_000).toBeLessThan(0.025)
  })

  test('end in nothing lost and nothing twice for one who begins after each that is unknown', async () => {
    const store = await opens({ fault: drawnFaults('a life', { slow: 0 }), commitsMax: 1 })
    let connection: TransactionalConnection<unknown> | undefined
    let last: CommitId | undefined
    let epoch = 0
    let n = 0
    const sent: number[] = []
    let next: { id: CommitId; value: number } | undefined
    for (let step = 0; sent.length < 300 && step < 3000; step++) {
      try {
        if (connection === undefined) {
          connection = await connect(store)
          ;({ epoch, last } = await connection.begin('A'))
          if (next !== undefined && last?.epoch === next.id.epoch && last.n === next.id.n) {
            sent.push(next.value)
          }
          next = undefined
        }
        next = { id: { lineage: 'A', epoch, n: ++n }, value: sent.length }
        await send(connection, epoch, n, last, next.value)
        sent.push(next.value)
        last = next.id
        next = undefined
      } catch (thrown) {
        if ((thrown as Error).name === 'RejectedOutputs') continue
        await connection?.close()
        connection = undefined
      }
    }
    expect(sent).toHaveLength(300)
    expect(store.outputs()).toEqual(sent)
    expect(store.violations).toEqual([])
    expect(new Set(store.calls.map(({ end }) => end)).size).toBe(4)
  })
})
