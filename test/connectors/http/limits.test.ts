import { describe, expect, test } from 'vitest'
import { Gate, look, post, serve, until } from './service.js'

/** Orders that end when the gate opens. */
function held(gate: Gate) {
  return {
    place: async ({ id }: { id: string }) => {
      await gate.opened
      return { id, total: 1 }
    },
  }
}

describe('what is more than is taken', () => {
  test('at a time is answered 503, also of those whose clients have gone', async () => {
    const gate = new Gate()
    const { url, handler, placed } = await serve({ ...held(gate), underWayMax: 2, timeout: '50ms' })
    const [a, b] = await Promise.all(['a', 'b'].map((key) => post(url, { pieces: 1 }, { key })))
    expect([a?.status, b?.status]).toEqual([504, 504])
    const told = await post(url, { pieces: 1 }, { key: 'c' })
    expect(told).toMatchObject({ status: 503, body: { code: 'SEMEL_OVERLOADED', retriable: true } })
    expect(told.headers.get('retry-after')).toBe('1')
    gate.open()
    await until(() => handler.counters().underWay === 0)
    expect((await post(url, { pieces: 1 }, { key: 'c' })).status).toBe(200)
    expect(placed().map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  test('in a time is answered 429, for each client by itself', async () => {
    const { url } = await serve({
      rate: { max: 2, per: '1h', by: (request) => String(request.headers['x-client']) },
    })
    const of = (client: string, key: string) =>
      post(url, { pieces: 1 }, { key, headers: { 'x-client': client } })
    expect((await of('a', '1')).status).toBe(200)
    expect((await of('a', '2')).status).toBe(200)
    const told = await of('a', '3')
    expect(told).toMatchObject({ status: 429, body: { code: 'SEMEL_OVERLOADED' } })
    const seconds = Number(told.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(1790)
    expect(seconds).toBeLessThanOrEqual(1800)
    expect((await of('b', '4')).status).toBe(200)
  })

  test('than the stream has room for is answered 503, and is not stored', async () => {
    const gate = new Gate()
    const { url, stream, placed } = await serve({
      ...held(gate),
      mode: 'stored',
      roomTimeout: '50ms',
      open: { ring: '64KiB', inFlightMax: 16 },
    })
    let pushed = 0
    while (stream.push({ id: `filler-${pushed}`, pieces: 1, fingerprint: 'x'.repeat(1000) })) {
      pushed += 1
      if (pushed % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const told = await post(url, { pieces: 1 })
    expect(told).toMatchObject({ status: 503, body: { code: 'SEMEL_OVERLOADED' } })
    gate.open()
    await until(() => placed().length === pushed)
    expect((await post(url, { pieces: 1 })).status).toBe(202)
    await stream.drain({ timeout: 5000 })
    expect(placed()).toHaveLength(pushed + 1)
  })

  test('memory is to hold forgets the oldest answers', async () => {
    const { url, handler } = await serve({ remember: '8KiB' })
    for (let key = 0; key < 50; key++) await post(url, { pieces: 1 }, { key: `k${key}` })
    expect(handler.counters().rememberedBytes).toBeLessThanOrEqual(8192)
    expect((await look(url, 'k0')).status).toBe(404)
    expect((await look(url, 'k49')).status).toBe(200)
  })
})

describe('the end', () => {
  test('of the handler turns away, and answers those who wait', async () => {
    const gate = new Gate()
    const { url, handler, placed } = await serve(held(gate))
    const waiting = post(url, { pieces: 1 })
    await until(() => gate.isReached)
    let isClosed = false
    const closing = handler.close().then(() => (isClosed = true))
    expect(await post(url, { pieces: 1 }, { key: 'b' })).toMatchObject({
      status: 503,
      body: { code: 'SEMEL_CLOSED' },
    })
    expect(isClosed).toBe(false)
    gate.open()
    expect((await waiting).status).toBe(200)
    await closing
    expect(placed()).toHaveLength(1)
  })

  test('of the stream is answered 503', async () => {
    const { url, stream, handler } = await serve()
    await stream.close()
    expect(await post(url, { pieces: 1 })).toMatchObject({
      status: 503,
      body: { code: 'SEMEL_CLOSED' },
    })
    expect(handler.counters()).toMatchObject({ answering: 0, underWay: 0 })
  })
})
