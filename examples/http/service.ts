import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { AckTimeoutError, ClosedError, InvalidArgumentError, type Stream } from 'semel'
import { jsonOf, Refusal } from './body.js'
import { faultOf, type Order, type Placed } from './order.js'

interface Answer {
  readonly status: number
  readonly body: object
}

/** How long an order may wait for room, and for its answer. */
const patienceMs = 2000
/** What a client is told to wait for, before it sends the same order again. */
const retryAfterSeconds = 1

/**
 * Takes orders into a stream.
 *
 *   POST /orders                  202 once the order is stored: it survives a power loss from now on
 *   POST /orders?wait=processed   200 with the outcome, and with what became of the order
 *   GET  /health                  200 with the counters, or 503
 *
 * A client that has no answer, or a 503 or 504, sends the same order with the same id again, until it
 * has one: an order takes effect once.
 */
export class OrderService {
  readonly server: Server
  readonly #stream: Stream<Order, Placed, 'stored'>
  readonly #inFlightMax: number
  #inFlight = 0
  #closing = false

  /** @param inFlightMax orders that wait at a time; where there are more, clients are told to come later */
  constructor(stream: Stream<Order, Placed, 'stored'>, inFlightMax: number) {
    this.#stream = stream
    this.#inFlightMax = inFlightMax
    this.server = createServer((request, response) => void this.#answer(request, response))
  }

  /** Takes no more orders, answers those that it has, and then closes the stream. */
  async close(): Promise<void> {
    this.#closing = true
    await new Promise((resolve) => {
      this.server.close(resolve)
      this.server.closeIdleConnections()
      // Whoever has begun a request and does not go on holds up nobody's end.
      setTimeout(() => this.server.closeAllConnections(), 2 * patienceMs).unref()
    })
    await this.#stream.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#handle(request)
    } catch (error) {
      answer = answerOf(error)
    }
    // What is left of a body that was refused is not read: the connection ends with the answer.
    const ends = this.#closing || !request.complete
    response.setHeader('content-type', 'application/json')
    if (answer.status >= 503) response.setHeader('retry-after', retryAfterSeconds)
    if (ends) response.setHeader('connection', 'close')
    response.statusCode = answer.status
    response.end(`${JSON.stringify(answer.body)}\n`)
  }

  async #handle(request: IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/health' && request.method === 'GET') {
      const isWell = !this.#closing && !this.#stream.isOver
      return { status: isWell ? 200 : 503, body: this.#stream.counters() }
    }
    if (pathname !== '/orders') throw new Refusal(404, 'there is /orders and /health')
    if (request.method !== 'POST') throw new Refusal(405, 'POST an order')
    const order = await jsonOf(request)
    const fault = faultOf(order)
    if (fault !== undefined) throw new Refusal(400, fault)
    if (this.#inFlight >= this.#inFlightMax)
      throw new Refusal(503, 'too many orders wait; send it again')
    this.#inFlight += 1
    try {
      return await this.#take(order as Order, searchParams.get('wait') === 'processed')
    } finally {
      this.#inFlight -= 1
    }
  }

  async #take(order: Order, waits: boolean): Promise<Answer> {
    if (!waits) {
      const { shard, sequence } = await this.#stream.send(order, { timeout: patienceMs })
      return { status: 202, body: { id: order.id, shard, sequence } }
    }
    const end = await this.#stream.send(order, { acknowledge: 'processed', timeout: patienceMs })
    const { outcome, error } = end
    if (outcome === 'processed') return { status: 200, body: { outcome, order: end.result } }
    const body = { outcome, id: order.id, ...(error === undefined ? {} : { error: error.message }) }
    return { status: outcome === 'duplicate' ? 200 : 422, body }
  }
}

function answerOf(error: unknown): Answer {
  const body = { error: error instanceof Error ? error.message : String(error) }
  if (error instanceof Refusal) return { status: error.status, body }
  if (error instanceof InvalidArgumentError) return { status: 400, body }
  // Taken: it is stored, or may be. Only the answer is missing, and the same id asks for it again.
  if (error instanceof AckTimeoutError) return { status: error.taken ? 504 : 503, body }
  if (error instanceof ClosedError) return { status: 503, body }
  return { status: 500, body }
}
