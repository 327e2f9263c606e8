import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Random } from '../../../src/testing/random.js'
import { dial, heard, serve, until, post, type Service } from './service.js'

// In `npm test` a short run: SEMEL_RUNS=10000 for a long one.
const requests = Number(process.env['SEMEL_RUNS'] ?? 600)
const seed = process.env['SEMEL_SEED'] ?? 'hostile'
/** That are open at a time. */
const sideBySide = 40
/** After which a client that stands still lets its connection go. */
const patienceMs = 1500

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What a client does to a server: texts, one after another, with pauses, and how it ends. */
interface Script {
  readonly parts: readonly (string | Uint8Array)[]
  readonly pauseMs: number
  readonly leaves: boolean
}

class Hostility {
  readonly #random: Random
  #keys = 0

  constructor(from: string) {
    this.#random = new Random(from)
  }

  next(): Script {
    const draw = this.#random
    const text = this.#one()
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
    const kind = draw.below(10)
    // Some bytes are others.
    if (kind < 4) {
      for (let count = 1 + draw.below(4); count > 0; count--) {
        bytes[draw.below(bytes.length)] = draw.below(256)
      }
    }
    // It breaks off, in a half of cases without an end.
    const end = kind < 7 ? bytes.length : draw.below(bytes.length)
    const parts: Uint8Array[] = []
    const step = draw.below(3) === 0 ? 1 + draw.below(40) : bytes.length
    for (let at = 0; at < end; at += step) parts.push(bytes.subarray(at, Math.min(end, at + step)))
    return {
      parts,
      pauseMs: draw.below(4) === 0 ? draw.below(20) : 0,
      leaves: draw.below(2) === 0,
    }
  }

  #one(): string {
    const draw = this.#random
    const key = draw.below(20) === 0 ? 'k0' : `k${this.#keys++}`
    const body = this.#body()
    switch (draw.below(9)) {
      case 0:
        return this.#post(key, `content-length: ${body.length + draw.below(3) - 1}\r\n`, body)
      case 1:
        return this.#post(key, `content-length: ${'9'.repeat(1 + draw.below(20))}\r\n`, body)
      case 2:
        return this.#post(
          key,
          'transfer-encoding: chunked\r\n',
          `${draw.below(2) === 0 ? body.length.toString(16) : 'zz'}\r\n${body}\r\n0\r\n\r\n`,
        )
      case 3:
        return this.#post(key, `${'x'.repeat(draw.below(9000))}: y\r\ncontent-length: 0\r\n`, '')
      case 4:
        return this.#post(
          key,
          Array.from({ length: draw.below(300) }, (_, i) => `h${i}: ${i}\r\n`).join(''),
          body,
        )
      case 5:
        return `${['GET', 'HEAD', 'PUT', 'BREW', 'OPTIONS'][draw.below(5)]} /orders?key=${'%41'.repeat(draw.below(400))}k1&key=%ff HTTP/1.${draw.below(3)}\r\nhost: a\r\naccept: text/event-stream\r\n\r\n`
      case 6: {
        // In a line.
        const one = this.#post(key, `content-length: ${body.length}\r\n`, body)
        return one.repeat(1 + draw.below(8))
      }
      case 7:
        return String.fromCharCode(
          ...Array.from({ length: 1 + draw.below(300) }, () => draw.below(256)),
        )
      default:
        return this.#post(key, `content-length: ${body.length}\r\n`, body)
    }
  }

  #post(key: string, headers: string, body: string): string {
    return `POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nidempotency-key: "${key}"\r\n${headers}\r\n${body}`
  }

  #body(): string {
    const draw = this.#random
    switch (draw.below(6)) {
      case 0:
        return '{"pieces":1'
      case 1:
        return '['.repeat(draw.below(3000))
      case 2:
        return JSON.stringify({ pieces: 'x'.repeat(draw.below(5000)) })
      case 3:
        return '{"__proto__":{"pieces":1},"constructor":1,"then":1,"toJSON":1}'
      default:
        return JSON.stringify({ pieces: draw.below(100) })
    }
  }
}

async function play({ port }: Service, { parts, pauseMs, leaves }: Script): Promise<void> {
  const socket = await dial(port)
  const told = heard(socket, patienceMs)
  for (const part of parts) {
    if (socket.destroyed) break
    socket.write(part)
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  if (leaves) {
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
  } else {
    socket.end()
  }
  await told
}

async function playAll(service: Service, hostility: Hostility, count: number): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: sideBySide }, async () => {
      while (left > 0) {
        left -= 1
        await play(service, hostility.next())
      }
    }),
  )
}

const connections = ({ server }: Service): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })

test(`${requests} malformed and slow requests (${seed}): nothing breaks, and nothing is kept`, async () => {
  const errors: unknown[] = []
  const service = await serve({
    bodyMax: '4KiB',
    bodyTimeout: '300ms',
    timeout: '5s',
    remember: '256KiB',
    watchersMax: 20,
    onError: (error) => errors.push(error),
    server: {
      headersTimeout: 400,
      requestTimeout: 800,
      connectionsCheckingInterval: 100,
      keepAliveTimeout: 300,
      maxHeaderSize: 8192,
    },
  })
  const { handler, stream, url, placed } = service
  const hostility = new Hostility(seed)
  const heaps: number[] = []
  // The first part fills what is bounded.
  for (const part of [0.5, 0.25, 0.25]) {
    await playAll(service, hostility, Math.ceil(requests * part))
    await until(() => {
      const { answering, underWay, watching } = handler.counters()
      return answering + underWay + watching === 0
    })
    for (let left = 100; left > 0 && (await connections(service)) > 0; left--) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await connections(service)).toBe(0)
    collectGarbage()
    heaps.push(process.memoryUsage().heapUsed)
  }
  expect(errors).toEqual([])
  expect(handler.counters().rememberedBytes).toBeLessThanOrEqual(256 * 1024)
  // What the sink of the test keeps of each message is a part of it.
  expect((heaps[2] as number) - (heaps[1] as number)).toBeLessThan(8 * 1024 ** 2)

  expect((await post(url, { pieces: 1 }, { key: 'the-last' })).status).toBe(200)
  await stream.drain({ timeout: 10_000 })
  const ids = placed().map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toContain('the-last')
}, 1_200_000)
