import { describe, expect, test } from 'vitest'
import { httpHandler } from 'semel/http'
import { Gate, listen, look, post, serve, until, type Order } from './service.js'

const refusing = (): never => {
  throw new Error('the password is wrong')
}

describe('a stream whose senders are told what was made of their messages', () => {
  test('answers 200 with the result', async () => {
    const { url, placed } = await serve()
    const told = await post(url, { pieces: 3 })
    expect(told.status).toBe(200)
    expect(told.body).toEqual({
      key: 'k1',
      status: 'ended',
      shard: 0,
      sequence: 1,
      durability: 'process',
      outcome: 'processed',
      result: { id: 'k1', total: 6 },
    })
    expect(told.headers.get('location')).toBe('?key=k1')
    expect(told.headers.get('idempotency-key')).toBe('"k1"')
    expect(placed()).toEqual([{ id: 'k1', total: 6 }])
  })

  test('answers the same again, and does it once', async () => {
    const { url, placed } = await serve()
    const first = await post(url, { pieces: 3 })
    expect(await post(url, { pieces: 3 })).toMatchObject({ status: 200, body: first.body })
    expect(placed()).toHaveLength(1)
  })

  test('refuses the same key with another body', async () => {
    const { url, placed } = await serve()
    await post(url, { pieces: 3 })
    const told = await post(url, { pieces: 4 })
    expect(told.status).toBe(422)
    expect(told.headers.get('content-type')).toBe('application/problem+json')
    expect(told.body).toMatchObject({
      status: 422,
      code: 'SEMEL_KEY_REUSED',
      title: expect.any(String),
    })
    expect(placed()).toHaveLength(1)
  })

  test('refuses the same key at another path', async () => {
    const { url } = await serve()
    await post(url, { pieces: 3 })
    expect((await post(`${url}/7`, { pieces: 3 })).status).toBe(422)
    expect((await post(`${url}?a=b`, { pieces: 3 })).status).toBe(422)
  })

  test('answers 409 while the first is under way, also when its client is gone', async () => {
    const gate = new Gate()
    const { url, placed, handler } = await serve({
      place: async ({ id }) => {
        await gate.opened
        return { id, total: 1 }
      },
    })
    const client = new AbortController()
    const first = post(url, { pieces: 3 }, { signal: client.signal }).catch(() => {})
    await until(() => gate.isReached)
    const second = await post(url, { pieces: 3 })
    expect(second).toMatchObject({
      status: 409,
      body: { code: 'SEMEL_UNDER_WAY', retriable: true },
    })
    expect(second.headers.get('retry-after')).toBe('1')
    expect((await post(url, { pieces: 4 })).status).toBe(422)
    expect((await look(url, 'k1')).body).toEqual({ key: 'k1', status: 'under-way' })
    client.abort()
    await first
    await until(() => handler.counters().answering === 0)
    expect((await post(url, { pieces: 3 })).status).toBe(409)
    gate.open()
    await until(() => handler.counters().underWay === 0)
    expect(await post(url, { pieces: 3 })).toMatchObject({
      status: 200,
      body: { result: { total: 1 } },
    })
    expect(placed()).toHaveLength(1)
  })

  test('answers 504 where that takes too long, and tells who asks later', async () => {
    const gate = new Gate()
    const { url, handler } = await serve({
      timeout: '50ms',
      place: async ({ id }) => {
        await gate.opened
        return { id, total: 1 }
      },
    })
    const told = await post(url, { pieces: 3 })
    expect(told).toMatchObject({
      status: 504,
      body: { code: 'SEMEL_ACK_TIMEOUT', retriable: true },
    })
    expect(told.headers.get('location')).toBe('?key=k1')
    gate.open()
    await until(() => handler.counters().underWay === 0)
    expect((await look(url, 'k1')).body).toMatchObject({ status: 'ended', result: { total: 1 } })
  })

  test('answers 422 for a dead letter, and tells nobody what a handler said', async () => {
    const { url } = await serve({ place: refusing })
    const told = await post(url, { pieces: 3 })
    expect(told).toMatchObject({
      status: 422,
      body: { code: 'SEMEL_DEAD_LETTERED', outcome: 'dead-lettered', key: 'k1' },
    })
    expect(JSON.stringify(told.body)).not.toContain('password')
    expect(JSON.stringify((await look(url, 'k1')).body)).not.toContain('password')
    const telling = await serve({ place: refusing, tellsErrors: true })
    expect((await post(telling.url, { pieces: 3 })).body.detail).toContain('password')
  })

  test('tells a duplicate that is remembered by the stream alone', async () => {
    const { url, placed } = await serve({ remember: 0 })
    await post(url, { pieces: 3 })
    const told = await post(url, { pieces: 3 })
    expect(told).toMatchObject({ status: 200, body: { outcome: 'duplicate' } })
    expect(told.body.result).toBeUndefined()
    expect(placed()).toHaveLength(1)
  })

  test('compares no body with one that is not known to be the first', async () => {
    const { stream, url: before, placed } = await serve()
    await post(before, { pieces: 3 })
    // As behind a restart: the stream knows the id, and no handler the body.
    const handler = httpHandler<Order, { pieces: number }>(stream, {
      message: ({ body, id }) => ({ ...body, id }),
    })
    const { port } = await listen(handler)
    const url = `http://127.0.0.1:${port}/orders`
    for (const pieces of [4, 3, 5]) {
      expect(await post(url, { pieces })).toMatchObject({
        status: 200,
        body: { outcome: 'duplicate' },
      })
    }
    expect(placed()).toHaveLength(1)
  })

  test('tells a result that has no form in JSON as an error', async () => {
    const { url } = await serve({ place: ({ id }) => ({ id, total: 3n as never }) })
    expect(await post(url, { pieces: 3 })).toMatchObject({
      status: 200,
      body: { outcome: 'processed', error: { code: 'SEMEL_RESULT' } },
    })
  })
})

describe('a stream whose senders are told that their messages are stored', () => {
  test('answers 202 with a receipt, and the same again', async () => {
    const gate = new Gate()
    const { url, placed } = await serve({
      mode: 'stored',
      place: async ({ id }) => {
        await gate.opened
        return { id, total: 1 }
      },
    })
    const told = await post(url, { pieces: 3 })
    expect(told.status).toBe(202)
    expect(told.body).toEqual({
      key: 'k1',
      status: 'stored',
      shard: 0,
      sequence: 1,
      durability: 'process',
    })
    expect(await post(url, { pieces: 3 })).toMatchObject({ status: 202, body: told.body })
    expect((await post(url, { pieces: 4 })).status).toBe(422)
    const pending = await look(url, 'k1')
    expect([pending.body.status, pending.headers.get('retry-after')]).toEqual(['stored', '1'])
    gate.open()
    await until(() => placed().length === 1)
    for (;;) {
      const { body } = await look(url, 'k1')
      if (body.status === 'ended') {
        expect(body).toMatchObject({ outcome: 'processed', sequence: 1 })
        break
      }
    }
    expect((await post(url, { pieces: 3 })).status).toBe(202)
  })

  test('answers with the end where the handler is told to', async () => {
    const { url } = await serve({ mode: 'stored', acknowledge: 'processed' })
    expect(await post(url, { pieces: 3 })).toMatchObject({
      status: 200,
      body: { result: { total: 6 } },
    })
  })
})

test('a stream that acknowledges batches is answered by its batch', async () => {
  const { url } = await serve({ mode: 'batched' })
  expect(await post(url, { pieces: 3 })).toMatchObject({
    status: 200,
    body: { outcome: 'processed' },
  })
})

describe('a request that is not remembered', () => {
  const rows = new Map<string, { fingerprint: string | undefined; total: number }>()
  const recall = (id: string) => {
    const row = rows.get(id)
    return row === undefined
      ? undefined
      : { fingerprint: row.fingerprint, result: { id, total: row.total } }
  }
  const place = ({
    id,
    pieces,
    fingerprint,
  }: {
    id: string
    pieces: number
    fingerprint?: string
  }) => {
    rows.set(id, { fingerprint, total: pieces * 2 })
    return { id, total: pieces * 2 }
  }

  test.each(['processed', 'stored'] as const)(
    'is recalled from where its effect is: %s',
    async (mode) => {
      rows.clear()
      const before = await serve({ mode, place, recall })
      await post(before.url, { pieces: 3 })
      await until(() => before.placed().length === 1)
      // As after a restart, whose index knows the id.
      const { url, placed } = await serve({ mode, place, recall })
      const told = await post(url, { pieces: 3 })
      expect(told.status).toBe(mode === 'processed' ? 200 : 202)
      expect(told.body).toMatchObject({ outcome: 'processed', result: { total: 6 } })
      expect(await post(url, { pieces: 4 })).toMatchObject({
        status: 422,
        body: { code: 'SEMEL_KEY_REUSED' },
      })
      expect(placed()).toEqual([])
      expect((await look(url, 'k1')).body).toMatchObject({ result: { total: 6 } })
    },
  )

  test('is recalled when it turns out to be a duplicate', async () => {
    rows.clear()
    let isThere = false
    const { url } = await serve({
      place,
      remember: 0,
      recall: (id) => (isThere ? recall(id) : undefined),
    })
    await post(url, { pieces: 3 })
    let asked = 0
    const late = await serve({
      place,
      remember: 0,
      recall: (id) => (asked++ > 1 ? recall(id) : undefined),
    })
    await post(late.url, { pieces: 3 })
    expect(await post(late.url, { pieces: 3 })).toMatchObject({
      status: 200,
      body: { outcome: 'processed', result: { total: 6 } },
    })
    asked = 1
    expect((await post(late.url, { pieces: 9 })).status).toBe(422)
    isThere = true
    expect((await post(url, { pieces: 9 })).status).toBe(422)
  })
})

describe('a scope', () => {
  test('keeps the keys of its own', async () => {
    const { url, placed } = await serve({
      scope: (request) => String(request.headers['x-account']),
    })
    const of = (account: string, pieces: number) =>
      post(url, { pieces }, { headers: { 'x-account': account } })
    expect((await of('a', 1)).body.result).toEqual({ id: 'a k1', total: 2 })
    expect((await of('b', 2)).body.result).toEqual({ id: 'b k1', total: 4 })
    expect((await of('a', 2)).status).toBe(422)
    expect(placed()).toHaveLength(2)
    expect((await look(url, 'k1', { headers: { 'x-account': 'c' } })).status).toBe(404)
  })

  test('that is none takes nothing, since all without one would be one', async () => {
    const errors: Error[] = []
    const { url, placed } = await serve({
      scope: (request) => request.headers['x-account'] as string,
      onError: (error) => errors.push(error as Error),
    })
    expect((await post(url, { pieces: 1 })).status).toBe(500)
    expect((await look(url, 'k1')).status).toBe(500)
    expect(errors[0]?.message).toContain('scope: undefined was answered')
    expect(placed()).toEqual([])
  })
})
