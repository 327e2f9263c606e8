import { createServer } from 'node:net'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  fixed,
  open,
  pipeline,
  RejectedOutputs,
  Unavailable,
  type Sink,
  type SinkConnection,
} from 'semel'
import { httpSink, type HttpSinkOptions } from 'semel/http'
import { originOf, positionAt } from 'semel/testing'
import { receiver } from './receiver.js'
import { atEnd, scratch, until } from './service.js'

const position = positionAt(1)

async function connect<T>(sink: Sink<T>): Promise<SinkConnection<T>> {
  const connection = await sink.connect({
    pipeline: 'test',
    shard: 0,
    shards: 1,
    epoch: 1,
    durability: 'process',
  })
  atEnd(() => connection.close())
  return connection
}

/** What a write has thrown. */
async function refusalOf(write: void | Promise<void>): Promise<RejectedOutputs> {
  const thrown = await Promise.resolve(write).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(RejectedOutputs)
  return thrown as RejectedOutputs
}

describe('what is sent', () => {
  test('is each output as JSON, in order, on one connection', async () => {
    const server = await receiver()
    const connection = await connect(
      httpSink<unknown>(server.url, { headers: { Authorization: 'Bearer x' } }),
    )
    await connection.write([{ a: 1 }, 'text', null], position)
    await connection.write([[1, 2]], position)
    expect(server.received.map(({ body }) => body)).toEqual([{ a: 1 }, 'text', null, [1, 2]])
    expect(server.received[0]).toMatchObject({
      path: '/hook',
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
    })
    expect(await server.connections()).toBe(1)
    expect(server.sideBySide()).toBe(1)
    await connection.close()
    await until(() => true)
    for (let left = 50; left > 0 && (await server.connections()) > 0; left--) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(await server.connections()).toBe(0)
  })

  test('may be made by a function', async () => {
    const server = await receiver()
    const connection = await connect(
      httpSink<{ id: number }>(
        ({ id }) => ({
          url: new URL(`/orders/${id}`, server.url),
          method: 'PUT',
          headers: { 'Content-Type': 'text/plain', 'X-Own': 'b' },
          body: `order ${id}`,
        }),
        { headers: { 'x-own': 'a' } },
      ),
    )
    await connection.write([{ id: 7 }], position)
    expect(server.received).toEqual([
      expect.objectContaining({ path: '/orders/7', method: 'PUT', body: 'order 7' }),
    ])
    expect(server.received[0]?.headers).toMatchObject({
      'content-type': 'text/plain',
      'x-own': 'b',
    })
  })

  test('has a key by what the output is, or by where it comes from', async () => {
    const server = await receiver()
    const own = await connect(
      httpSink<{ id: string }>(server.url, { key: ({ id }) => `order "${id}"` }),
    )
    await own.write([{ id: 'a' }], position)
    const other = await connect(httpSink<number>(server.url))
    await other.write([1, 2], { ...position, originOf: (index) => originOf(40 + index, 0, 3) })
    // Where nothing is kept a message has another key once it has failed.
    const unsure = { ...originOf(1), partition: 'a', offset: 7 }
    await other.write([4], { ...position, originOf: () => unsure })
    expect(server.received.map(({ key }) => key)).toEqual([
      String.raw`"order \"a\""`,
      '"suite:5e:3:40:0"',
      '"suite:5e:3:41:0"',
      undefined,
    ])
  })
})

describe('an answer', () => {
  test.each([
    [400, {}, 'refused'],
    [404, {}, 'refused'],
    [409, {}, 'refused'],
    [409, { 'retry-after': '1' }, 'waits'],
    [413, {}, 'refused'],
    [422, {}, 'refused'],
    [301, { location: '/elsewhere' }, 'waits'],
    [401, {}, 'waits'],
    [408, {}, 'waits'],
    [425, {}, 'waits'],
    [429, {}, 'waits'],
    [500, {}, 'waits'],
    [503, { 'retry-after': '7' }, 'waits'],
  ] as const)('of %i with %o is %s', async (status, headers, what) => {
    const server = await receiver(({ body }, response) => {
      if (body === 2) response.writeHead(status, headers).end('because of that')
    })
    const connection = await connect(httpSink<number>(server.url, { key: (one) => `k${one}` }))
    const { rejected, written } = await refusalOf(connection.write([1, 2, 3], position))
    expect(written).toBe(1)
    expect([...rejected.keys()]).toEqual([1])
    const error = rejected.get(1) as Error
    expect(error.message).toContain(`answered ${status}: because of that`)
    if (what === 'refused') {
      expect(error).toMatchObject({ code: 'SEMEL_OUTPUT' })
    } else {
      expect(error).toBeInstanceOf(Unavailable)
      const seconds = (headers as Record<string, string>)['retry-after']
      expect((error as Unavailable).retryAfterMs).toBe(
        seconds === undefined ? undefined : Number(seconds) * 1000,
      )
    }
    expect(server.received.map(({ body }) => body)).toEqual([1, 2])
  })

  test.each([
    ['0', 1],
    ['99999999', 86_400_000],
    ['soon', undefined],
    [new Date(Date.now() + 60_000).toUTCString(), 59_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 1],
  ])('with Retry-After %s is waited for', async (header, ms) => {
    const server = await receiver((_, response) => {
      response.writeHead(503, { 'retry-after': header }).end()
    })
    const connection = await connect(httpSink<number>(server.url))
    const error = (await refusalOf(connection.write([1], position))).rejected.get(0) as Unavailable
    if (ms === 59_000) {
      expect(error.retryAfterMs).toBeGreaterThan(50_000)
      expect(error.retryAfterMs).toBeLessThanOrEqual(60_000)
    } else {
      expect(error.retryAfterMs).toBe(ms)
    }
  })

  test('is judged by a function where there is one', async () => {
    const server = await receiver((_, response) => response.writeHead(500).end())
    const connection = await connect(
      httpSink<number>(server.url, { refuses: (status) => status === 500 }),
    )
    const { rejected } = await refusalOf(connection.write([1], position))
    expect(rejected.get(0)).toMatchObject({ code: 'SEMEL_OUTPUT' })
  })

  test('without an end, or of any length, holds up nobody', async () => {
    const server = await receiver(({ body }, response) => {
      response.writeHead(200)
      if (body === 'endless') {
        const feed = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
          if (!response.destroyed) response.once('drain', feed)
        }
        feed()
      } else if (body === 'stands still') response.write('{')
      else response.end()
    })
    const connection = await connect(httpSink<string>(server.url, { timeout: '300ms' }))
    await connection.write(['endless', 'stands still', 'short'], position)
    expect(server.received).toHaveLength(3)
  })

  test('that never comes is waited for as long as was said', async () => {
    const server = await receiver(() => new Promise(() => {}))
    const connection = await connect(httpSink<number>(server.url, { timeout: '50ms' }))
    const { rejected } = await refusalOf(connection.write([1], position))
    expect(rejected.get(0)).toBeInstanceOf(Unavailable)
    expect(rejected.get(0)?.message).toContain('no answer within 50 ms')
  })

  test.each(['destroyed', 'upgraded', 'nonsense', 'refused'])(
    'of a connection that is %s is none',
    async (how) => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => {
          if (how === 'destroyed') socket.destroy()
          else if (how === 'nonsense') socket.end('what?\r\n\r\n')
          else {
            socket.write(
              'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
            )
          }
        })
      })
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      const { port } = server.address() as { port: number }
      if (how === 'refused') await new Promise((resolve) => server.close(resolve))
      else atEnd(() => void server.close())
      const connection = await connect(
        httpSink<number>(`http://127.0.0.1:${port}`, { timeout: '2s' }),
      )
      const { rejected } = await refusalOf(connection.write([1], position))
      expect(rejected.get(0)).toBeInstanceOf(Unavailable)
    },
  )
})

test('a connection that the server has closed meanwhile is made anew, without a word', async () => {
  let requests = 0
  const server = createServer((socket) => {
    let own = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      requests += 1
      own += 1
      // Its end comes when the next request is on its way.
      if (own > 1) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  atEnd(() => void server.close())
  const { port } = server.address() as { port: number }
  const connection = await connect(httpSink<number>(`http://127.0.0.1:${port}`))
  await connection.write([1, 2, 3], position)
  expect(requests).toBe(5)
})

test('several go side by side where that is asked for, and what was begun is ended', async () => {
  const server = await receiver(async ({ body }, response) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (body === 2) response.writeHead(400).end()
  })
  const connection = await connect(httpSink<number>(server.url, { concurrency: 4 }))
  await connection.write([10, 11, 12, 13, 14, 15, 16, 17], position)
  expect(server.sideBySide()).toBe(4)
  const { rejected, written } = await refusalOf(
    connection.write([0, 1, 2, 3, 4, 5, 6, 7, 8], position),
  )
  expect([[...rejected.keys()], written]).toEqual([[2], 2])
})

describe('an output that can’t be sent', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  test.each<[string, unknown, HttpSinkOptions<never>?]>([
    ['nothing', undefined],
    ['a function', () => {}],
    ['a bigint', 1n],
    ['a circle', circle],
    ['a key that is none', 'x', { key: () => 'ä' }],
    ['no key', 'x', { key: () => undefined as never }],
  ])('is refused alone: %s', async (_, output, options = {}) => {
    const server = await receiver()
    const connection = await connect(
      httpSink<unknown>(server.url, options as HttpSinkOptions<unknown>),
    )
    const { rejected, written } = await refusalOf(connection.write([output], position))
    expect(written).toBe(0)
    expect(rejected.get(0)).toMatchObject({ code: 'SEMEL_OUTPUT' })
    expect(server.received).toEqual([])
  })

  test.each([
    ['no request', () => undefined as never],
    ['no URL', () => ({ url: 'nowhere' })],
    ['another protocol', () => ({ url: 'ftp://a' })],
    ['no method', () => ({ url: 'http://a', method: 'BREW' as never })],
    ['no header', () => ({ url: 'http://a', headers: { 'x-a': 'b\r\nc: secret' } })],
  ])('is refused alone: %s', async (_, request) => {
    const connection = await connect(httpSink<number>(request))
    const { rejected } = await refusalOf(connection.write([1], position))
    expect(rejected.get(0)).toMatchObject({ code: 'SEMEL_OUTPUT' })
    expect(rejected.get(0)?.message).not.toContain('secret')
  })

  test('fails by what its function throws', async () => {
    const connection = await connect(
      httpSink<number>(() => {
        throw new Error('there is no such place')
      }),
    )
    const { rejected } = await refusalOf(connection.write([1], position))
    expect(rejected.get(0)?.message).toBe('there is no such place')
  })
})

test('is idempotent only where it is declared, by type and by value', () => {
  const plain = httpSink<number>('http://a/b?secret=1')
  const declared = httpSink<number>('http://user:pw@a/', { idempotent: true })
  expectTypeOf(plain).toEqualTypeOf<Sink<number, 'repeatable'>>()
  expectTypeOf(declared).toEqualTypeOf<Sink<number, 'idempotent'>>()
  expect([plain.kind, plain.name, Object.isFrozen(plain)]).toEqual([
    'repeatable',
    'http(a/b)',
    true,
  ])
  expect([declared.kind, declared.name, declared.declared]).toEqual([
    'idempotent',
    'http(a/)',
    true,
  ])
})

test.each([
  ['httpSink: "nowhere"', 'nowhere', {}],
  ['httpSink: "ftp://a"', 'ftp://a', {}],
  ['httpSink: 7', 7, {}],
  ['httpSink.idempotent', 'http://a', { idempotent: 1 }],
  ['httpSink.key', 'http://a', { key: 'id' }],
  ['httpSink.method', 'http://a', { method: 'GET' }],
  ['httpSink.headers', 'http://a', { headers: { 'a b': 'c' } }],
  ['httpSink.headers', 'http://a', { headers: { a: 'b\n' } }],
  ['httpSink.headers', 'http://a', { headers: 'a: b' }],
  ['httpSink.timeout', 'http://a', { timeout: 0 }],
  ['httpSink.timeout', 'http://a', { timeout: '2h' }],
  ['httpSink.concurrency', 'http://a', { concurrency: 0 }],
  ['httpSink.refuses', 'http://a', { refuses: [400] }],
  ['httpSink.name', 'http://a', { name: '' }],
  ['there is no option "retries"', 'http://a', { retries: 3 }],
])('%s is refused at once', (what, to, options) => {
  expect(() => httpSink(to as string, options as HttpSinkOptions<unknown>)).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(what),
    }),
  )
})

test('a stream waits for a server that fails, and dead-letters what one refuses', async () => {
  const seen: number[] = []
  let failing = 3
  const server = await receiver(({ body }, response) => {
    const { n } = body as { n: number }
    if (n === 3 && failing > 0) {
      failing -= 1
      response.writeHead(failing === 1 ? 500 : 503, { 'retry-after': '0' }).end()
    } else if (n === 5) response.writeHead(400).end('five is none')
    else seen.push(n)
  })
  const numbers = pipeline('numbers')
    .accepts<{ n: number }>()
    .deliver('exactly-once', { id: (one) => one.n, window: '1h' })
    .retry({ attempts: 2, backoff: fixed('1ms') })
    .to(httpSink<{ n: number }>(server.url, { idempotent: true, key: ({ n }) => `n${n}` }))
  const stream = await open(numbers, {
    dir: scratch(),
    durability: 'process',
    workers: 0,
    acknowledge: 'processed',
  })
  atEnd(() => stream.close())
  const failures: string[] = []
  stream.on('sink-failed', ({ error }) => failures.push(error))
  const statuses = await stream.sendMany([1, 2, 3, 4, 5, 6].map((n) => ({ n })))
  const outcomes = statuses.map((one) => one.status === 'acknowledged' && one.value.outcome)
  expect(outcomes).toEqual([
    'processed',
    'processed',
    'processed',
    'processed',
    'dead-lettered',
    'processed',
  ])
  expect(failures).toHaveLength(3)
  expect(seen).toEqual([1, 2, 3, 4, 6])
})
