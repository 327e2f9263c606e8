import { expect, test } from 'vitest'
import { dial, Gate, heard, post, serve, until } from './service.js'

const watching = { headers: { accept: 'text/event-stream' } }

test('who watches is told each status as it comes, and the last one ends it', async () => {
  const gate = new Gate()
  const { url, handler } = await serve({
    mode: 'stored',
    place: async ({ id }) => {
      await gate.opened
      return { id, total: 1 }
    },
  })
  await post(url, { pieces: 1 })
  const response = await fetch(`${url}?key=k1`, watching)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const text = response.text()
  await until(() => handler.counters().watching === 1)
  gate.open()
  const events = (await text).trim().split('\n\n')
  expect(events).toHaveLength(2)
  expect(events[0]).toMatch(/^event: stored\nid: stored\ndata: \{"key":"k1","status":"stored"/)
  expect(events[1]).toMatch(/^event: ended\nid: ended\ndata: .*"outcome":"processed"/)
  expect(handler.counters().watching).toBe(0)
})

test('who comes back behind the end is told to stay away', async () => {
  const { url } = await serve()
  await post(url, { pieces: 1 })
  const first = await fetch(`${url}?key=k1`, watching)
  expect(await first.text()).toMatch(/^event: ended\n/)
  const again = await fetch(`${url}?key=k1`, {
    headers: { ...watching.headers, 'last-event-id': 'ended' },
  })
  expect([again.status, await again.text()]).toEqual([204, ''])
})

test('nothing is held for who goes away, and no more watch than may', async () => {
  const gate = new Gate()
  const { url, port, handler } = await serve({
    mode: 'stored',
    watchersMax: 2,
    place: async ({ id }) => {
      await gate.opened
      return { id, total: 1 }
    },
  })
  await post(url, { pieces: 1 })
  const request = 'GET /orders?key=k1 HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n'
  const sockets = [await dial(port), await dial(port)]
  for (const socket of sockets) socket.write(request)
  await until(() => handler.counters().watching === 2)
  expect((await fetch(`${url}?key=k1`, watching)).status).toBe(503)
  for (const socket of sockets) socket.destroy()
  await until(() => handler.counters().watching === 0)
  const last = await dial(port)
  last.write(request)
  await until(() => handler.counters().watching === 1)
  const text = heard(last, 3000)
  await handler.close()
  expect(await text).toContain('event: stored')
  expect(handler.counters().watching).toBe(0)
  gate.open()
})

test('who watches what is forgotten is told that', async () => {
  const gate = new Gate()
  const { url } = await serve({
    mode: 'stored',
    remember: '1KiB',
    place: async ({ id }) => {
      if (id === 'k1') await gate.opened
      return { id, total: 1 }
    },
  })
  await post(url, { pieces: 1 })
  const response = await fetch(`${url}?key=k1`, watching)
  const text = response.text()
  for (const key of ['a', 'b', 'c']) await post(url, { pieces: 1 }, { key })
  expect(await text).toMatch(/event: stored\n[^]*event: unknown\n/)
  gate.open()
})

test('who watches what is not taken after all is told that', async () => {
  const gate = new Gate()
  const { url } = await serve({
    recall: async () => {
      await gate.opened
      return { fingerprint: 'of another one' }
    },
  })
  const refused = post(url, { pieces: 1 })
  await until(() => gate.isReached)
  const response = await fetch(`${url}?key=k1`, watching)
  const text = response.text()
  gate.open()
  expect((await refused).status).toBe(422)
  expect(await text).toMatch(/event: under-way\n[^]*event: unknown\n/)
})
