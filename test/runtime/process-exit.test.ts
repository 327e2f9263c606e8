import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ClosedError, open, pipeline, memory, type OpenOptions } from 'semel'
import { inspectDirectory } from 'semel/directory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { orders, type Order } from '../fixtures/orders.js'
import {
  expectBalanced,
  fixture,
  opened,
  outputs,
  pushAll,
  scratch,
  small,
  startScript,
  until,
} from './verbs.js'

const openings = [
  ['inline', 0],
  ['with workers', 2],
] as const

interface Setting {
  readonly data: string
  readonly options: OpenOptions
  readonly url: URL
  /** The beginning of a program: opens `stream`, with `orders` at hand. */
  readonly program: string
  readonly written: () => Order[]
}

function setting(workers: number, durability: 'process' | 'disk' = 'process'): Setting {
  const dir = scratch()
  const to = join(dir, 'out.ndjson')
  const data = join(dir, 'data')
  const url = fixture('orders.pipeline', { to, delivery: 'exactly-once', how: 'async' })
  const options: OpenOptions = { ...small, dir: data, workers, shards: 2, durability }
  const program = `
    import { open } from 'semel'
    import { orders } from ${JSON.stringify(fixture('orders').href)}
    const stream = await open(new URL(${JSON.stringify(url.href)}), ${JSON.stringify(options)})
  `
  return { data, options, url, program, written: () => outputs<Order>(to, 2) }
}

/** Whatever became of the process: what it had stored is processed once, and the lock is free. */
async function expectRecovered(
  { url, options, written, data }: Setting,
  storedMin: number,
): Promise<void> {
  expect(inspectDirectory(data).holder).toBe(0)
  const stream = await opened<Order>(url, options)
  await stream.drain({ timeout: 10_000 })
  const { stored, processed } = stream.counters()
  expect(stored).toBeGreaterThanOrEqual(storedMin)
  expect(processed).toBe(stored)
  await stream.close()
  const ids = written().map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toHaveLength(stored)
}

describe.each(openings)('a process whose stream is open %s', (_, workers) => {
  test('may call process.exit', async () => {
    const under = setting(workers)
    const { code, stderr } = await startScript(`${under.program}
      await Promise.all(orders(0, 100).map((order) => stream.send(order)))
      for (const order of orders(100, 500)) while (!stream.push(order)) await stream.ready()
      process.exit(7)`).ended
    expect({ code, stderr }).toEqual({ code: 7, stderr: '' })
    await expectRecovered(under, 100)
  })

  test('may end by an exception', async () => {
    const under = setting(workers)
    const { code, stderr } = await startScript(`${under.program}
      await Promise.all(orders(0, 100).map((order) => stream.send(order)))
      throw new Error('nobody catches it')`).ended
    expect(code).toBe(1)
    expect(stderr).toContain('nobody catches it')
    await expectRecovered(under, 100)
  })

  test('may end by SIGTERM', async () => {
    const under = setting(workers)
    const program = startScript(`${under.program}
      await Promise.all(orders(0, 100).map((order) => stream.send(order)))
      console.log('stored')
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), 1)
      setInterval(() => {}, 1000)`)
    expect((await program.ended).signal).toBe('SIGTERM')
    await expectRecovered(under, 100)
  })

  test('ends by itself, without a close, when it has nothing left to do', async (t) => {
    const under = setting(workers)
    const program = startScript(`${under.program}
      await Promise.all(orders(0, 100).map((order) => stream.send(order)))
      console.log('stored')`)
    if (workers > 0) {
      // Its workers are work: the process stays until the stream is closed.
      await program.lines(1)
      program.kill()
      expect((await program.ended).stdout).toBe('stored\n')
      await expectRecovered(under, 100)
      return t.annotate('workers keep a process alive')
    }
    expect(await program.ended).toMatchObject({
      code: 0,
      signal: null,
      stderr: '',
      stdout: 'stored\n',
    })
    await expectRecovered(under, 100)
  })

  test.each(['process', 'disk'] as const)(
    'waits for receipts and room at %s with nothing else to do',
    async (durability) => {
      const under = setting(workers, durability)
      const { code, stderr, stdout } = await startScript(`${under.program}
      for (const order of orders(0, 20)) await stream.send(order)
      for (const order of orders(20, 3000)) while (!stream.push(order)) await stream.ready()
      await stream.send(orders(3000, 3001)[0])
      await stream.close()
      console.log('closed')`).ended
      expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'closed\n' })
      await expectRecovered(under, 3001)
    },
  )

  test('ends after a close', async () => {
    const under = setting(workers)
    const { code, stdout, stderr } = await startScript(`${under.program}
      for (const order of orders(0, 100)) stream.push(order)
      await stream.close()
      await stream.close()
      console.log(stream.name)`).ended
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'orders\n', stderr: '' })
    await expectRecovered(under, 100)
  })

  test('closes with `await using`', async () => {
    const under = setting(workers)
    {
      const stream = await open<Order>(under.url, under.options)
      await pushAll(stream, orders(0, 100))
      await stream[Symbol.asyncDispose]()
      await expect(
        stream.ready().then(() => stream.push(orders(0, 1)[0] as Order)),
      ).rejects.toThrow(ClosedError)
    }
    expect(inspectDirectory(under.data)).toMatchObject({ holder: 0 })
    expect(inspectDirectory(under.data).shards.every(({ clean }) => clean)).toBe(true)
  })

  test('closes while it is busy, within its timeout', async () => {
    const under = setting(workers)
    const stream = await opened<Order>(under.url, under.options)
    const busy = stream.consume(endless()).catch((error: unknown) => error)
    await until(() => stream.counters().processed > 100)
    const began = performance.now()
    await Promise.all([
      stream.close({ timeout: 100 }),
      stream.close(),
      stream[Symbol.asyncDispose](),
    ])
    expect(performance.now() - began).toBeLessThan(3000)
    expect(await busy).toMatchObject({ code: 'SEMEL_CLOSED' })
    await expectRecovered(under, 100)
  })
})

/** Orders without end. */
function endless() {
  return {
    name: 'endless',
    resumable: false,
    partitions: ['endless'],
    async *read() {
      for (let from = 0; ; from += 64) {
        yield {
          partition: 'endless',
          rows: orders(from, from + 64).map((message) => ({ message, offset: message.id + 1 })),
          offset: from + 64,
        }
      }
    },
  }
}

describe.each(openings)('a stream that a worker thread has opened %s', (_, workers) => {
  test.each([
    ['is terminated', 'setInterval(() => {}, 1000)'],
    ['exits', 'process.exit(0)'],
    ['throws', "throw new Error('the thread ends')"],
  ])('is free again when the thread %s', async (__, end) => {
    const under = setting(workers)
    const thread = new Worker(
      new URL(
        `data:text/javascript,${encodeURIComponent(`
          import { parentPort } from 'node:worker_threads'
          const { open } = await import(${JSON.stringify(import.meta.resolve('semel'))})
          const { orders } = await import(${JSON.stringify(fixture('orders').href)})
          const stream = await open(new URL(${JSON.stringify(under.url.href)}), ${JSON.stringify(under.options)})
          for (const order of orders(0, 500)) while (!stream.push(order)) await stream.ready()
          parentPort.postMessage('open')
          await new Promise((resolve) => parentPort.once('message', resolve))
          ${end}`)}`,
      ),
    )
    onTestFinished(async () => void (await thread.terminate()))
    thread.on('error', () => {})
    await new Promise((resolve, reject) => {
      thread.once('message', resolve)
      thread.once('error', reject)
    })
    expect(inspectDirectory(under.data).holder).toBe(process.pid)
    await expect(open<Order>(under.url, under.options)).rejects.toMatchObject({
      code: 'SEMEL_LOCKED',
    })
    const ended = new Promise((resolve) => {
      thread.once('exit', resolve)
    })
    if (end.startsWith('setInterval')) await thread.terminate()
    else thread.postMessage('end')
    await ended
    await expectRecovered(under, 400)
  })
})

test('a process waits for a receipt that nothing but the sync thread brings', async () => {
  const { code, stdout, stderr } = await startScript(`
    import { forEach, open, pipeline } from 'semel'
    const definition = pipeline('alone')
      .accepts()
      .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
      .to(forEach(() => {}, { idempotent: true }))
    const options = { dir: ${JSON.stringify(scratch())}, workers: 0, durability: 'disk', ring: '64KiB' }
    const stream = await open(definition, options)
    for (let id = 0; id < 20; id++) await stream.send({ id })
    for (let id = 20; id < 5000; id++) while (!stream.push({ id })) await stream.ready()
    await stream.send({ id: 5000 }, { timeout: 10_000 })
    console.log(stream.counters().stored)`).ended
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '5001\n', stderr: '' })
})

test('a hundred streams are opened and closed without a trace', async () => {
  const definition = pipeline('brief').accepts<Order>().deliver('at-most-once').to(memory())
  for (let i = 0; i < 100; i++) {
    const stream = await open<Order>(definition, { ...small, workers: 0 })
    stream.push(orders(i, i + 1)[0] as Order)
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
  }
  const before = process.memoryUsage().rss
  for (let i = 0; i < 100; i++) {
    const stream = await open<Order>(definition, { workers: 0, ring: '4MiB' })
    await stream.close()
  }
  // A hundred rings of 4 MiB, all of them touched.
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
})

test('a program that reads partitions in memory ends when its source has been told what is safe', async () => {
  const dir = scratch()
  const { code, stdout } = await startScript(`
    import { memory, open, pipeline } from 'semel'
    import { memoryPartitions } from 'semel/testing'
    const group = memoryPartitions()
    group.put('a', 1, 2, 3)
    group.end()
    const definition = pipeline('numbers').accepts().deliver('at-least-once').to(memory())
    const stream = await open(definition, { dir: ${JSON.stringify(dir)}, workers: 0 })
    await stream.consume(group.member())
    console.log(group.safe.get('a'))
    await stream.close()
  `).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: '3\n' })
})
