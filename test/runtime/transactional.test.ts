import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  CommitRefused,
  RejectedOutputs,
  fixed,
  memory,
  open,
  pipeline,
  type Begun,
  type Commit,
  type CommitId,
  type Output,
  type Sink,
  type TransactionalConnection,
} from 'semel'
import { expect, onTestFinished, test, vi } from 'vitest'
import { expectBalanced, opened, scratch } from './verbs.js'

interface Order {
  readonly id: number
}

const refuse = (): never => {
  throw new RejectedOutputs(new Map([[0, new Error('it is refused')]]))
}

/** A store of one shard in this thread; what a test sets `next` to becomes of the next commit. */
class Store {
  epoch = 0
  last: CommitId | undefined
  through = 0
  positions = new Uint8Array()
  rows: Order[] = []
  outputs: Output<Order>[] = []
  commits: Commit[] = []
  next: ((commit: () => void) => void | Promise<void>)[] = []
  down = false
  begins = 0

  readonly sink: Sink<Order, 'transactional'> = Object.freeze({
    name: 'store',
    kind: 'transactional',
    connect: (): TransactionalConnection<Order> => ({
      write: () => {},
      close: () => {},
      begin: async (lineage): Promise<Begun> => {
        this.begins += 1
        if (this.down) throw new Error('the store is down')
        if (this.last !== undefined && this.last.lineage !== lineage) {
          return { epoch: this.epoch, last: this.last }
        }
        this.epoch += 1
        return { epoch: this.epoch, last: this.last }
      },
      commit: async (outputs, commit) => {
        const take = (): void => this.#take(outputs, commit)
        const next = this.next.shift()
        await (next === undefined ? take() : next(take))
      },
      last: async () =>
        this.last && { id: this.last, through: this.through, positions: this.positions },
    }),
  })

  #take(outputs: readonly Output<Order>[], commit: Commit): void {
    const { id, parent } = commit
    const isNext = parent?.n === this.last?.n && parent?.epoch === this.last?.epoch
    if (id.epoch !== this.epoch || !isNext) throw new CommitRefused('it does not follow')
    this.last = id
    this.through = commit.through
    this.positions = new Uint8Array(commit.positions)
    this.rows.push(...outputs.map(({ value }) => value))
    this.outputs.push(...outputs)
    this.commits.push(commit)
  }
}

function ordersTo(sink: Sink<Order, 'transactional'>) {
  return pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
    .retry({ attempts: 3, backoff: fixed('1ms') })
    .to(sink)
}

const options = (dir: string) => ({
  dir,
  workers: 0,
  durability: 'process' as const,
  acknowledge: 'processed' as const,
})

test('each commit names its parent, and each output where it comes from', async () => {
  const store = new Store()
  const dir = scratch()
  const stream = await open(ordersTo(store.sink), options(dir))
  for (const id of [1, 2, 3]) await stream.send({ id })
  await stream.close()
  expect(store.rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
  expect(store.outputs.map(({ origin }) => origin)).toEqual(
    [1, 2, 3].map((sequence) => {
      const lineage = store.last?.lineage
      return { pipeline: 'orders', lineage, shard: 0, sequence, index: 0 }
    }),
  )
  expect(store.commits.map(({ through }) => through)).toEqual([1, 2, 3])
  for (const [at, { parent }] of store.commits.entries()) {
    expect(parent).toEqual(store.commits[at - 1]?.id)
  }
})

test('an outcome is told, and an id seen, when the sink has the commit', async () => {
  const store = new Store()
  const stream = await opened<Order>(ordersTo(store.sink), options(scratch()))
  let let_go!: () => void
  store.next.push(
    (commit) =>
      new Promise((resolve) => {
        let_go = () => {
          commit()
          resolve()
        }
      }),
  )
  let isTold = false
  const first = (stream.send({ id: 1 }) as Promise<unknown>).then(() => (isTold = true))
  const copy = stream.send({ id: 1 })
  await vi.waitFor(() => expect(let_go).toBeTypeOf('function'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(isTold).toBe(false)
  expect(stream.counters()).toMatchObject({ processed: 0, inFlight: 2 })
  let_go()
  await first
  expect(await copy).toMatchObject({ outcome: 'duplicate' })
  expect(store.rows).toEqual([{ id: 1 }])
})

test('a commit whose answer is lost is asked about, and not made again', async () => {
  const store = new Store()
  const stream = await opened<Order>(ordersTo(store.sink), options(scratch()))
  const failed: unknown[] = []
  stream.on('sink-failed', (event) => failed.push(event))
  store.next.push((commit) => {
    commit()
    throw new Error('the answer is lost')
  })
  expect(await stream.send({ id: 1 })).toMatchObject({ outcome: 'processed' })
  store.next.push(() => {
    throw new Error('it never came')
  })
  expect(await stream.send({ id: 2 })).toMatchObject({ outcome: 'processed' })
  expect(store.rows).toEqual([{ id: 1 }, { id: 2 }])
  expect(store.epoch).toBe(4)
  expect(failed.length).toBe(2)
})

test('rows that it refuses are the failures of their messages alone', async () => {
  const store = new Store()
  store.next.push(refuse)
  const stream = await opened<Order>(ordersTo(store.sink), options(scratch()))
  const ends = await Promise.all([stream.send({ id: 1 }), stream.send({ id: 2 })])
  expect(ends.map(({ outcome }) => outcome)).toEqual(['processed', 'processed'])
  expect(store.rows.map(({ id }) => id).toSorted()).toEqual([1, 2])
  store.next.push(refuse, refuse, refuse)
  expect(await stream.send({ id: 3 })).toMatchObject({ outcome: 'dead-lettered' })
  expect(store.epoch).toBe(2)
  expectBalanced(stream.counters())
})

test('a directory that is older than its sink is refused, and a sink that has lost commits', async () => {
  const store = new Store()
  const dir = join(scratch(), 'stream')
  const backup = `${dir}.backup`
  let stream = await open(ordersTo(store.sink), options(dir))
  await stream.send({ id: 1 })
  await stream.close()
  cpSync(dir, backup, { recursive: true })
  stream = await open(ordersTo(store.sink), options(dir))
  await stream.send({ id: 2 })
  await stream.close()
  const { last, epoch } = store

  await expect(open(ordersTo(store.sink), options(backup))).rejects.toMatchObject({
    code: 'SEMEL_SINK_AHEAD',
  })
  store.last = undefined
  await expect(open(ordersTo(store.sink), options(dir))).rejects.toMatchObject({
    code: 'SEMEL_SINK_BEHIND',
  })
  store.last = last
  store.epoch = 1
  await expect(open(ordersTo(store.sink), options(dir))).rejects.toMatchObject({
    code: 'SEMEL_SINK_BEHIND',
  })
  store.epoch = epoch + 5
  // Each refusal has left the directory as it was, and free.
  stream = (await opened<Order>(ordersTo(store.sink), options(dir))) as typeof stream
  expect(await stream.send({ id: 2 })).toMatchObject({ outcome: 'duplicate' })
})

test('another directory under the same name is refused', async () => {
  const store = new Store()
  const stream = await opened<Order>(ordersTo(store.sink), options(scratch()))
  await stream.send({ id: 1 })
  const { epoch } = store
  await expect(open(ordersTo(store.sink), options(scratch()))).rejects.toMatchObject({
    code: 'SEMEL_SINK_TAKEN',
    message: expect.stringContaining('give the pipeline another name'),
  })
  // It has fenced nobody.
  expect(store.epoch).toBe(epoch)
  await stream.send({ id: 2 })
  expect(store.rows).toEqual([{ id: 1 }, { id: 2 }])
})

test('somebody who begins once is asked about; who goes on doing so ends the stream', async () => {
  const store = new Store()
  const stream = await opened<Order>(ordersTo(store.sink), options(scratch()))
  store.epoch += 1
  await stream.send({ id: 1 })
  expect(store.rows).toEqual([{ id: 1 }])
  const begin = (commit: () => void): void => {
    store.epoch += 1
    commit()
  }
  store.next.push(...Array.from({ length: 20 }, () => begin))
  await expect(stream.send({ id: 2 })).rejects.toMatchObject({ code: 'SEMEL_SINK_TAKEN' })
  expect(store.rows).toEqual([{ id: 1 }])
})

test('an opening waits for a sink that is down, as long as it may', async () => {
  const store = new Store()
  const dir = scratch()
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
  onTestFinished(() => warned.mockRestore())
  store.down = true
  await expect(open(ordersTo(store.sink), { ...options(dir), timeout: 100 })).rejects.toMatchObject(
    { code: 'SEMEL_TIMEOUT' },
  )
  expect(warned).toHaveBeenCalledWith(
    expect.stringContaining('the store is down'),
    expect.anything(),
  )
  const opening = opened<Order>(ordersTo(store.sink), options(dir))
  await vi.waitFor(() => expect(store.begins).toBeGreaterThan(3))
  store.down = false
  const stream = await opening
  await stream.send({ id: 1 })
  expect(store.rows).toEqual([{ id: 1 }])
})

test('a directory goes on with another sink once its commits are decided', async () => {
  const store = new Store()
  const dir = scratch()
  const stream = await open(ordersTo(store.sink), options(dir))
  await stream.send({ id: 1 })
  await stream.close()
  const kept = memory<Order>()
  const other = await opened<Order>(
    pipeline('orders')
      .accepts<Order>()
      .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
      .to(kept),
    options(dir),
  )
  await other.send({ id: 1 })
  await other.send({ id: 2 })
  expect(other.counters()).toMatchObject({ processed: 2, duplicate: 1 })
})

test('under the other deliveries it is written to, and keeps no position', async () => {
  const store = new Store()
  const written: Order[] = []
  const sink: Sink<Order, 'transactional'> = {
    ...store.sink,
    connect: async (context) => {
      const connection = (await store.sink.connect(context)) as TransactionalConnection<Order>
      return { ...connection, write: (outputs: readonly Order[]) => void written.push(...outputs) }
    },
  }
  for (const delivery of ['at-least-once', 'at-most-once'] as const) {
    const dir = scratch()
    const stream = await open(pipeline('orders').accepts<Order>().deliver(delivery).to(sink), {
      workers: 0,
      ...(delivery === 'at-most-once' ? {} : { dir }),
    })
    stream.push({ id: 1 })
    await stream.drain()
    await stream.close()
    rmSync(dir, { recursive: true, force: true })
  }
  expect(written).toEqual([{ id: 1 }, { id: 1 }])
  expect(store.begins).toBe(0)
})

test.each([
  ['begin', { begin: async () => ({ epoch: 0.5, last: undefined }) }],
  ['begin', { begin: async () => undefined }],
  ['begin', { begin: async () => ({ epoch: 1, last: { lineage: 'x', epoch: 1, n: 0 } }) }],
  ['commit', { commit: undefined }],
  ['last', { last: 5 }],
])('a connection whose %s breaks the contract is named', async (name, broken) => {
  const store = new Store()
  const sink = {
    ...store.sink,
    connect: async (context: never) => ({ ...(await store.sink.connect(context)), ...broken }),
  } as unknown as Sink<Order, 'transactional'>
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
  onTestFinished(() => warned.mockRestore())
  const opening = open(ordersTo(sink), options(scratch()))
  await expect(opening).rejects.toMatchObject({ code: 'SEMEL_SINK' })
  await expect(opening).rejects.toThrow(name)
})
