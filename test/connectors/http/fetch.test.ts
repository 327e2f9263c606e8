import { expect, test } from 'vitest'
import { memory, open, pipeline } from 'semel'
import { fetchHandler, type FetchHandler, type HttpOptions } from 'semel/http'
import { atEnd, Gate, scratch, toldOf, until, type Order } from './service.js'

async function taking(
  options: Partial<HttpOptions<Order, { pieces: number }, Request>> = {},
  place: (order: Order) => unknown = (order) => order.pieces,
): Promise<{ handler: FetchHandler; placed(): readonly unknown[] }> {
  const sink = memory()
  const orders = pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
    .map((order) => place(order))
    .to(sink)
  const stream = await open(orders, {
    dir: scratch(),
    durability: 'process',
    workers: 0,
    acknowledge: 'processed',
  })
  atEnd(() => stream.close({ timeout: 100 }).catch(() => {}))
  const handler = fetchHandler<Order, { pieces: number }>(stream, {
    message: ({ body, id }) => ({ ...body, id }),
    ...options,
  })
  return { handler, placed: () => sink.outputs }
}

const request = (body: string | ReadableStream, init: RequestInit = {}): Request =>
  new Request('http://localhost/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': '"k1"' },
    body,
    duplex: 'half',
    ...init,
  } as RequestInit)

test('a request is answered as by Node’s server, and takes effect once', async () => {
  const { handler, placed } = await taking()
  const first = await toldOf(await handler(request('{"pieces":3}')))
  expect(first).toMatchObject({ status: 200, body: { outcome: 'processed', result: 3 } })
  expect(await toldOf(await handler(request('{"pieces":3}')))).toMatchObject({ body: first.body })
  expect((await handler(request('{"pieces":4}'))).status).toBe(422)
  expect(placed()).toEqual([3])
  const looked = await handler(new Request('http://localhost/orders?key=k1'))
  expect(await looked.json()).toMatchObject({ status: 'ended' })
  const head = await handler(new Request('http://localhost/orders?key=k1', { method: 'HEAD' }))
  expect([head.status, head.body]).toEqual([200, null])
  expect((await handler(new Request('http://localhost/', { method: 'PUT' }))).status).toBe(405)
})

test('a body is bounded in length and time, and what it comes from is let go', async () => {
  const { handler, placed } = await taking({ bodyMax: 100, bodyTimeout: '50ms' })
  let cancelled = 0
  const endless = () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64)),
      cancel: () => void cancelled++,
    })
  const never = () => new ReadableStream({ cancel: () => void cancelled++ })
  expect((await handler(request(endless()))).status).toBe(413)
  expect((await handler(request(never()))).status).toBe(408)
  expect((await handler(request('x'.repeat(101)))).status).toBe(413)
  expect(cancelled).toBe(2)
  const failing = new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) })
  expect((await handler(request(failing))).status).toBe(400)
  expect(placed()).toEqual([])
  expect(handler.counters()).toMatchObject({ answering: 0, underWay: 0 })
})

test('a client that leaves lets its message go on', async () => {
  const gate = new Gate()
  const { handler, placed } = await taking({}, async (order) => {
    await gate.opened
    return order.pieces
  })
  const client = new AbortController()
  const answer = handler(request('{"pieces":3}', { signal: client.signal }))
  await until(() => gate.isReached)
  client.abort()
  await answer
  expect((await handler(request('{"pieces":3}'))).status).toBe(409)
  gate.open()
  await until(() => handler.counters().underWay === 0)
  expect((await handler(request('{"pieces":3}'))).status).toBe(200)
  expect(placed()).toEqual([3])
})

test('a status is watched until its end, or until nobody does', async () => {
  const gate = new Gate()
  const { handler } = await taking({}, async (order) => {
    await gate.opened
    return order.pieces
  })
  const answer = handler(request('{"pieces":3}'))
  await until(() => gate.isReached)
  const watch = () =>
    handler(new Request('http://localhost/?key=k1', { headers: { accept: 'text/event-stream' } }))
  const left = await watch()
  expect(handler.counters().watching).toBe(1)
  await left.body?.cancel()
  expect(handler.counters().watching).toBe(0)
  const text = (await watch()).text()
  gate.open()
  await answer
  expect(await text).toMatch(/event: under-way\n[^]*event: ended\n/)
})

test('a body that has been read already is the program’s mistake', async () => {
  const errors: Error[] = []
  const { handler } = await taking({ onError: (error) => errors.push(error as Error) })
  const read = request('{"pieces":3}')
  await read.text()
  expect((await handler(read)).status).toBe(500)
  expect(errors[0]?.message).toContain('has been read already')
})
