import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import {
  fixed,
  memory,
  open,
  pipeline,
  type Acknowledge,
  type OpenOptions,
  type Stream,
} from 'semel'
import { httpHandler, type HttpHandler, type HttpOptions } from 'semel/http'

export interface Order {
  readonly id: string
  readonly pieces: number
  readonly fingerprint?: string
}

export interface Placed {
  readonly id: string
  readonly total: number
}

/** What the test's operator does with an order; it may wait, or throw. */
export type Place = (order: Order) => Placed | Promise<Placed>

const doubled: Place = ({ id, pieces }) => ({ id, total: pieces * 2 })

type Options = Partial<HttpOptions<Order, { pieces: number }, IncomingMessage>>

export interface Service {
  readonly stream: Stream<Order, Placed>
  readonly handler: HttpHandler
  readonly server: Server
  readonly port: number
  readonly url: string
  /** What took effect. */
  placed(): readonly Placed[]
}

export interface ServiceOptions extends Options {
  readonly mode?: Acknowledge
  readonly place?: Place
  readonly open?: Partial<OpenOptions>
  readonly server?: Parameters<typeof createServer>[0]
}

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

export function atEnd(run: () => unknown): void {
  endings.push(run)
}

/** A stream of orders, and a server in front of it, until the test is over. */
export async function serve(options: ServiceOptions = {}): Promise<Service> {
  const {
    mode = 'processed',
    place = doubled,
    open: settings = {},
    server: tuned,
    ...rest
  } = options
  const { dir = scratch() } = settings
  const sink = memory<Placed>()
  const orders = pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
    .map((order) => place(order))
    .retry({ attempts: 2, backoff: fixed('1ms') })
    .to(sink)
  const stream = (await open(orders, {
    dir,
    durability: 'process',
    workers: 0,
    acknowledge: mode,
    ...settings,
  })) as Stream<Order, Placed>
  atEnd(() => stream.close({ timeout: 100 }).catch(() => {}))
  const handler = httpHandler<Order, { pieces: number }>(stream, {
    message: ({ body, id, fingerprint }) => ({ ...body, id, fingerprint }),
    ...rest,
  })
  const { server, port } = await listen(handler, tuned)
  atEnd(() => handler.close())
  return {
    stream,
    handler,
    server,
    port,
    url: `http://127.0.0.1:${port}/orders`,
    placed: () => sink.outputs,
  }
}

/** A directory of its own for a test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'semel-http-'))
  atEnd(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A server of its own for a test, on some port. */
export async function listen(
  handler: Parameters<typeof createServer>[1],
  tuned: Parameters<typeof createServer>[0] = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer(tuned ?? {}, handler)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  atEnd(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { server, port: (server.address() as AddressInfo).port }
}

export interface Told {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface PostOptions {
  readonly key?: string | null
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/** Posts a body: an object as JSON, anything else as it is. */
export async function post(
  url: string,
  body: unknown,
  { key = '"k1"', headers = {}, signal }: PostOptions = {},
): Promise<Told> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { 'idempotency-key': key }),
      ...headers,
    },
    body:
      typeof body === 'string' || body instanceof Uint8Array
        ? (body as string)
        : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  })
  return toldOf(response)
}

export async function look(url: string, key: string, init: RequestInit = {}): Promise<Told> {
  return toldOf(await fetch(`${url}?key=${encodeURIComponent(key)}`, init))
}

export async function toldOf(response: Response): Promise<Told> {
  const text = await response.text()
  const { status, headers } = response
  let body: unknown = text
  try {
    body = JSON.parse(text)
  } catch {
    // It is a text.
  }
  return { status, headers, body }
}

/** Bytes to a server, and what comes back until it closes, or `ms` are over. */
export async function raw(port: number, bytes: string | Uint8Array, ms = 2000): Promise<string> {
  const socket = await dial(port)
  socket.write(bytes)
  return heard(socket, ms)
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  atEnd(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

export function heard(socket: Socket, ms: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const timer = setTimeout(() => socket.destroy(), ms)
    socket.on('data', (part) => {
      text += part.toString('latin1')
    })
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
}

/** What waits until a test goes on. */
export class Gate {
  open!: () => void
  /** Whether something waits. */
  isReached = false
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve
  })

  get opened(): Promise<void> {
    this.isReached = true
    return this.#opened
  }
}

export async function until(reached: () => boolean, ms = 15_000): Promise<void> {
  const end = Date.now() + ms
  while (!reached()) {
    if (Date.now() > end) throw new Error('it does not come to that')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
