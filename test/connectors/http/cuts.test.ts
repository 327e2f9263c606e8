import { describe, expect, test } from 'vitest'
import { CuttingProxy, type Cut } from './cutting-proxy.js'
import { dial, heard, serve } from './service.js'

const body = '{"pieces":1}'
const requestOf = (key: string): string =>
  `POST /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\nidempotency-key: "${key}"\r\ncontent-length: ${body.length}\r\n\r\n${body}`

/** The status that was heard in whole; undefined where the connection broke before. */
async function attempt(port: number, key: string): Promise<number | undefined> {
  const socket = await dial(port)
  socket.write(requestOf(key))
  const text = await heard(socket, 5000)
  const [, status, length] = /^HTTP\/1\.1 (\d+) [^]*?content-length: (\d+)/i.exec(text) ?? []
  const [, told = ''] = text.split('\r\n\r\n')
  return status !== undefined && told.length === Number(length) ? Number(status) : undefined
}

/** Until there is an answer, as a client does that has a key. */
async function retry(port: number, key: string): Promise<number> {
  for (;;) {
    const status = await attempt(port, key)
    if (status !== undefined && status !== 409) return status
  }
}

describe.each([
  ['processed', '16MiB'],
  ['processed', 0],
  ['stored', '16MiB'],
  ['stored', 0],
] as const)('where answers are %s, and %s of them remembered', (mode, remember) => {
  test('a request that is cut at any byte, and sent again, takes effect once', async () => {
    const { port, placed, stream, handler } = await serve({ mode, remember })
    const proxy = new CuttingProxy()
    await proxy.listen(port)
    const whole = await dial(port)
    whole.write(requestOf('whole'))
    const responseBytes = (await heard(whole, 5000)).length
    expect(responseBytes).toBeGreaterThan(200)

    const keys = ['whole']
    let broken = 0
    const run = async (cut: Cut): Promise<void> => {
      const key = `${cut.of}-${String(cut.behind).padStart(4, '0')}`
      keys.push(key)
      proxy.cut = cut
      const status = await attempt(proxy.port, key)
      if (status === undefined) broken += 1
      expect(await retry(port, key)).toBe(mode === 'processed' ? 200 : 202)
    }
    for (let behind = 0; behind <= requestOf('request-0000').length; behind++) {
      await run({ of: 'request', behind })
    }
    for (let behind = 0; behind <= responseBytes; behind++) await run({ of: 'response', behind })

    await stream.drain({ timeout: 10_000 })
    expect(broken).toBeGreaterThan(responseBytes)
    const ids = placed().map(({ id }) => id)
    // 0 lost, 0 twice.
    expect(ids.toSorted()).toEqual(keys.toSorted())
    expect(handler.counters()).toMatchObject({ answering: 0, underWay: 0 })
  }, 120_000)
})
