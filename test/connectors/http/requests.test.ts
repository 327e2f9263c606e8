import { describe, expect, test } from 'vitest'
import { dial, Gate, heard, listen, look, post, raw, serve, until } from './service.js'

const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`

describe('a request that is none', () => {
  test.each<[string, string | Uint8Array, number, string, Record<string, string>?]>([
    ['no JSON', '{"pieces":', 400, 'SEMEL_REQUEST'],
    ['an empty body', '', 400, 'SEMEL_REQUEST'],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 400, 'SEMEL_REQUEST'],
    ['half a character', Uint8Array.of(0x22, 0xe2, 0x82, 0x22), 400, 'SEMEL_REQUEST'],
    ['text', '{}', 415, 'SEMEL_REQUEST', { 'content-type': 'text/plain' }],
    ['no content type', new Uint8Array([0x7b, 0x7d]), 415, 'SEMEL_REQUEST', { 'content-type': '' }],
    [
      'another charset',
      '{}',
      415,
      'SEMEL_REQUEST',
      { 'content-type': 'application/json; charset=latin1' },
    ],
    ['a content coding', '{}', 415, 'SEMEL_REQUEST', { 'content-encoding': 'gzip' }],
    ['too long a body', `"${'x'.repeat(70_000)}"`, 413, 'SEMEL_TOO_LARGE'],
  ])('is refused for %s', async (_, body, status, code, headers = {}) => {
    const { url, placed } = await serve({ remember: '1KiB' })
    const told = await post(url, body, { headers })
    expect(told).toMatchObject({ status, body: { status, code } })
    expect(told.headers.get('content-type')).toBe('application/problem+json')
    if (status === 415) {
      expect(told.headers.get('accept-post') ?? told.headers.get('accept-encoding')).not.toBeNull()
    }
    expect(placed()).toEqual([])
    expect((await post(url, { pieces: 1 })).status).toBe(200)
  })

  test.each([
    'application/json',
    'Application/JSON; charset="UTF-8"',
    'application/vnd.order+json;charset=utf8',
  ])('is one as %s', async (type) => {
    const { url } = await serve()
    expect((await post(url, { pieces: 1 }, { headers: { 'content-type': type } })).status).toBe(200)
  })

  test('may be nested deeply, and ends in a refusal or an answer', async () => {
    const { url } = await serve()
    expect([200, 400]).toContain((await post(url, `{"pieces":${deep}}`)).status)
    expect((await post(url, { pieces: 1 }, { key: 'k2' })).status).toBe(200)
  })

  test('is refused by a schema, an asynchronous one too, with where and why', async () => {
    const { url, placed } = await serve({
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          async validate(value) {
            const { pieces } = value as { pieces: unknown }
            await Promise.resolve()
            return typeof pieces === 'number'
              ? { value: { pieces: pieces + 1 } }
              : { issues: [{ message: 'expected a number', path: ['pieces'] }] }
          },
        },
      },
    })
    const told = await post(url, { pieces: 'three' })
    expect(told).toMatchObject({ status: 400, body: { detail: 'pieces: expected a number' } })
    await post(url, { pieces: 3 })
    expect(placed()).toEqual([{ id: 'k1', total: 8 }])
  })

  test('is answered 500 for what the program does wrong, which is told the program alone', async () => {
    const errors: unknown[] = []
    const { url, handler } = await serve({
      message() {
        throw new Error('a secret')
      },
      onError: (error) => errors.push(error),
    })
    const told = await post(url, { pieces: 1 })
    expect(told).toMatchObject({ status: 500, body: { code: 'SEMEL_UNEXPECTED' } })
    expect(JSON.stringify(told.body)).not.toContain('secret')
    expect(errors).toEqual([expect.objectContaining({ message: 'a secret' })])
    expect(handler.counters().underWay).toBe(0)
  })

  test('is answered 400 for a message that the stream does not take', async () => {
    const { url } = await serve({ message: ({ body }) => ({ ...body, id: undefined as never }) })
    expect(await post(url, { pieces: 1 })).toMatchObject({
      status: 400,
      body: { code: 'SEMEL_INVALID_ARGUMENT' },
    })
  })
})

describe('a key', () => {
  test.each([
    ['"a b"', 400],
    ['a b', 400],
    ['""', 400],
    ['"a", "b"', 400],
    [`"${'x'.repeat(256)}"`, 400],
    ['"ä"', 400],
    ['8e03978e-40d5', 200],
    [`"${'x'.repeat(255)}"`, 200],
    [String.raw`"a\"b\\c"`, 200],
  ])('%s is answered %i', async (key, status) => {
    const { url, placed } = await serve()
    expect((await post(url, { pieces: 1 }, { key })).status).toBe(status)
    expect(placed()).toHaveLength(status === 200 ? 1 : 0)
  })

  test('is the same with quotes and without, and found by its status URL', async () => {
    const { url, placed } = await serve()
    const { headers } = await post(url, { pieces: 1 }, { key: String.raw`"a\"&?=%"` })
    await post(url, { pieces: 1 }, { key: 'a"&?=%' })
    expect(placed()).toEqual([{ id: 'a"&?=%', total: 2 }])
    const response = await fetch(new URL(headers.get('location') as string, url))
    expect(await response.json()).toMatchObject({ key: 'a"&?=%', outcome: 'processed' })
  })

  test('is needed, and says so', async () => {
    const { url } = await serve()
    expect(await post(url, { pieces: 1 }, { key: null })).toMatchObject({ status: 400 })
  })

  test('is made where a client may leave it out', async () => {
    const { url, placed } = await serve({ key: 'optional' })
    const told = await post(url, { pieces: 1 }, { key: null })
    await post(url, { pieces: 1 }, { key: null })
    expect(placed()).toHaveLength(2)
    expect(told.headers.get('idempotency-key')).toBe(`"${told.body.key}"`)
    expect((await look(url, told.body.key)).status).toBe(200)
  })
})

describe('methods', () => {
  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is answered 405', async (method) => {
    const { url } = await serve()
    const response = await fetch(url, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  })

  test('GET and HEAD without a key are refused, and of an unknown key 404', async () => {
    const { url } = await serve()
    expect((await fetch(url)).status).toBe(400)
    expect(await look(url, 'nobody')).toMatchObject({
      status: 404,
      body: { code: 'SEMEL_UNKNOWN_KEY' },
    })
    await post(url, { pieces: 1 })
    const head = await fetch(`${url}?key=k1`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })
})

const head = (key: string, rest: string): string =>
  `POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nidempotency-key: "${key}"\r\n${rest}\r\n`

describe('a connection', () => {
  test('that is slow is answered 408, and closed', async () => {
    const { port, handler, placed } = await serve({ bodyTimeout: '100ms' })
    const text = await raw(port, `${head('k1', 'content-length: 12\r\n')}{"pie`)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(text).toMatch(/connection: close/i)
    expect(handler.counters()).toMatchObject({ answering: 0, underWay: 0 })
    expect(placed()).toEqual([])
  })

  test('that sends more than is taken hears 413, declared or in chunks, and is closed', async () => {
    const { port, handler } = await serve({ bodyMax: '1KiB' })
    const declared = await raw(port, head('k1', 'content-length: 999999999\r\n'))
    expect(declared).toMatch(/^HTTP\/1\.1 413 /)
    const socket = await dial(port)
    socket.write(head('k2', 'transfer-encoding: chunked\r\n'))
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    for (let i = 0; i < 20; i++) socket.write(chunk)
    expect(await heard(socket, 3000)).toMatch(/^HTTP\/1\.1 413 /)
    const endless = await dial(port)
    endless.write(head('k3', 'transfer-encoding: chunked\r\n'))
    const feeding = setInterval(() => endless.write(chunk), 1)
    const text = await heard(endless, 5000)
    clearInterval(feeding)
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(handler.counters()).toMatchObject({ answering: 0, underWay: 0 })
  })

  test('that goes away in its body has sent nothing', async () => {
    const { port, handler, placed } = await serve()
    const socket = await dial(port)
    socket.write(`${head('k1', 'content-length: 12\r\n')}{"pieces"`)
    await until(() => handler.counters().underWay === 1)
    socket.destroy()
    await until(() => handler.counters().underWay === 0)
    expect(placed()).toEqual([])
  })

  test('may have many requests in a line, and chunks of one byte', async () => {
    const { port, placed } = await serve()
    const body = '{"pieces":1}'
    const chunks = [...body].map((one) => `1\r\n${one}\r\n`).join('')
    const requests = Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0
        ? `${head(`k${i}`, `content-length: ${body.length}\r\n`)}${body}`
        : `${head(`k${i}`, 'transfer-encoding: chunked\r\n')}${chunks}0\r\n\r\n`,
    )
    const text = await raw(port, requests.join(''), 4000)
    expect(text.match(/^HTTP\/1\.1 200 /gm)).toHaveLength(20)
    expect(placed()).toHaveLength(20)
  })

  test('is kept where a short body is refused unread', async () => {
    const { port } = await serve()
    const socket = await dial(port)
    const text = heard(socket, 4000)
    // Its body comes behind the answer.
    socket.write(
      'POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n',
    )
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.write(`{"pieces":1}${head('k1', 'content-length: 12\r\n')}{"pieces":1}`)
    expect(await text).toMatch(/^HTTP\/1\.1 400 [^]*HTTP\/1\.1 200 /)
  })

  test('of which something else has answered is left alone', async () => {
    const gate = new Gate()
    const { handler } = await serve({
      place: async ({ id }) => {
        await gate.opened
        return { id, total: 1 }
      },
    })
    const { port } = await listen((request, response) => {
      handler(request, response)
      setTimeout(() => response.writeHead(503).end('later'), 50)
    })
    expect((await post(`http://127.0.0.1:${port}/`, { pieces: 1 })).body).toBe('later')
    gate.open()
    await until(() => handler.counters().answering === 0)
  })

  test('that floods with headers is the server’s to refuse, and no other suffers', async () => {
    const { port, url } = await serve({ server: { maxHeaderSize: 4096 } })
    const flood = Array.from({ length: 2000 }, (_, i) => `x-${i}: y\r\n`).join('')
    expect(await raw(port, head('k1', flood))).toMatch(/^HTTP\/1\.1 431 /)
    expect((await post(url, { pieces: 1 })).status).toBe(200)
  })

  test('of which something else has read the body is the program’s mistake', async () => {
    const errors: Error[] = []
    const { handler } = await serve({ onError: (error) => errors.push(error as Error) })
    const { port } = await listen((request, response) => {
      request.resume().on('end', () => setImmediate(() => handler(request, response)))
    })
    const told = await post(`http://127.0.0.1:${port}/`, { pieces: 1 })
    expect(told.status).toBe(500)
    expect(errors[0]?.message).toContain('in front of what parses bodies')
  })
})
