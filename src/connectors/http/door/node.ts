import type { IncomingMessage, ServerResponse } from 'node:http'
import { InvalidArgumentError } from '../../../core/errors.js'
import { after } from '../../../core/waiting/timers.js'
import { Left, type Answer, type Ask, type Watch } from './ask.js'
import { Door, type HttpCounters } from './door.js'
import { checkHttpOptions, type HttpOptions } from './options.js'
import { tooLarge } from './refusal.js'
import { checkTaking, type Taking } from './taking.js'

/** How long, and how much, a body that is refused is read on, so that its client sees the answer. */
const lingerMs = 500
const lingerBytes = 1024 * 1024

/** What `httpHandler` gives: what `http.createServer` takes. */
export interface HttpHandler {
  (request: IncomingMessage, response: ServerResponse): void
  /**
   * Takes nothing more, and ends what watches. Resolves when all requests are answered, which their own
   * times bound; close the server then, and the stream behind it.
   */
  close(): Promise<void>
  counters(): HttpCounters
}

/**
 * Takes requests of Node's own server into a stream: POST becomes a message, once for each
 * `Idempotency-Key`; GET with `?key=` tells what became of it. Whatever the path is: that is the
 * program's.
 * @throws InvalidArgumentError for what is no stream, or options that can't be used
 * @example
 * const handler = httpHandler(orders, { message: ({ body, id }) => ({ ...body, id }) })
 * createServer(handler).listen(8080)
 */
export function httpHandler<In, Body = unknown>(
  stream: Taking<In>,
  options: HttpOptions<NoInfer<In>, Body, IncomingMessage>,
): HttpHandler {
  const checked = checkHttpOptions<In, IncomingMessage>(options, 'httpHandler')
  const door = new Door<In, IncomingMessage>(checkTaking(stream, 'httpHandler'), checked)
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void exchange(door, request, response)
  }
  return Object.assign(handle, {
    close: () => door.close(),
    counters: () => door.counters(),
  })
}

async function exchange<In>(
  door: Door<In, IncomingMessage>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = new AbortController()
  const leave = (): void => {
    // At the end of each answer as well, when there is nothing to be ended.
    if (!response.writableFinished) left.abort(new Left())
  }
  response.once('close', leave)
  // A socket that fails tells that by its end as well; unheard, it would end the process.
  request.on('error', leave)
  response.on('error', leave)
  if (response.destroyed) leave()
  const answer = await door.answer(askOf(request, left.signal))
  if (left.signal.aborted) return
  // Something in front of the handler has lost its patience, say.
  if (response.headersSent || response.writableEnded) return
  const { body } = answer
  if (typeof body === 'object') watch(answer, body, request, response)
  else tell(answer, body, request, response)
}

function askOf(request: IncomingMessage, left: AbortSignal): Ask<IncomingMessage> {
  const { method = '', url = '' } = request
  return {
    method,
    target: url,
    header(name) {
      const given = request.headers[name]
      return Array.isArray(given) ? given.join(', ') : given
    },
    read: (bytesMax, signal) => readBody(request, bytesMax, signal),
    left,
    raw: request,
  }
}

function readBody(
  request: IncomingMessage,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (request.readableEnded) {
      throw new InvalidArgumentError(
        'httpHandler: the body has been read already; put the handler in front of what parses bodies',
      )
    }
    const refused = (): void => reject(tooLarge(`the body is longer than ${bytesMax} bytes`))
    if (Number(request.headers['content-length']) > bytesMax) {
      refused()
      return
    }
    const parts: Buffer[] = []
    let bytes = 0
    const over = (): void => {
      request.off('data', onData)
      request.off('end', onEnd)
      signal.removeEventListener('abort', onAbort)
      request.pause()
    }
    const onData = (part: Buffer): void => {
      bytes += part.length
      if (bytes <= bytesMax) {
        parts.push(part)
        return
      }
      over()
      refused()
    }
    const onEnd = (): void => {
      over()
      resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
    }
    const onAbort = (): void => {
      over()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort)
    request.on('data', onData)
    request.on('end', onEnd)
    if (signal.aborted) onAbort()
  })
}

function tell(
  { status, headers, ends = false }: Answer,
  body: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const bytes = body === undefined ? undefined : Buffer.from(body)
  // Of a short body that is refused unread, Node throws away what still comes.
  const { 'content-length': length = 0, 'transfer-encoding': coding } = request.headers
  const isShort = coding === undefined && Number(length) <= lingerBytes
  const stays = request.complete || request.method === 'HEAD' || (isShort && !ends)
  response.writeHead(status, {
    ...headers,
    ...(bytes === undefined ? {} : { 'content-length': bytes.length }),
    // What is left of a body would be taken for the next request.
    ...(stays ? {} : { connection: 'close' }),
  })
  if (stays) response.end(bytes)
  else linger(bytes, request, response)
}

/**
 * Tells a client that is still sending. A socket that is closed with bytes unread is reset, and the client
 * may lose the answer: so some of what comes is read, and thrown away.
 */
function linger(
  bytes: Uint8Array | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (bytes !== undefined) response.write(bytes)
  let left = lingerBytes
  const over = (): void => {
    endWait()
    request.off('data', onData)
    request.off('end', over)
    response.off('close', over)
    response.end()
  }
  const onData = (part: Buffer): void => {
    left -= part.length
    if (left < 0) over()
  }
  const endWait = after(lingerMs, over)
  request.on('data', onData)
  request.on('end', over)
  response.on('close', over)
  request.resume()
}

function watch(
  { status, headers }: Answer,
  body: Watch,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.writeHead(status, headers)
  response.flushHeaders()
  request.resume()
  const over = body.begin({
    get isReading() {
      return !response.writableNeedDrain
    },
    tell: (text) => {
      response.write(text)
    },
    end: () => {
      // Who does not read would never be done.
      if (response.writableNeedDrain) response.destroy()
      else response.end()
    },
  })
  response.once('close', over)
}
