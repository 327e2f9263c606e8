import { InvalidArgumentError } from '../../../core/errors.js'
import type { Answer, Ask, Listener, Watch } from './ask.js'
import { Door, type HttpCounters } from './door.js'
import { checkHttpOptions, type HttpOptions } from './options.js'
import { malformed, Refusal, tooLarge } from './refusal.js'
import { checkTaking, type Taking } from './taking.js'

/** What `fetchHandler` gives: what frameworks take that have requests and responses as `fetch` has them. */
export interface FetchHandler {
  (request: Request): Promise<Response>
  /** Takes nothing more, and ends what watches. Resolves when all requests are answered. */
  close(): Promise<void>
  counters(): HttpCounters
}

/**
 * The same as `httpHandler`, for frameworks that have requests and responses as `fetch` has them.
 * @throws InvalidArgumentError for what is no stream, or options that can't be used
 * @example
 * const handler = fetchHandler(orders, { message: ({ body, id }) => ({ ...body, id }) })
 * app.all('/orders', (context) => handler(context.req.raw))
 */
export function fetchHandler<In, Body = unknown>(
  stream: Taking<In>,
  options: HttpOptions<NoInfer<In>, Body, Request>,
): FetchHandler {
  const checked = checkHttpOptions<In, Request>(options, 'fetchHandler')
  const door = new Door<In, Request>(checkTaking(stream, 'fetchHandler'), checked)
  const handle = async (request: Request): Promise<Response> =>
    responseOf(await door.answer(askOf(request)), request.method)
  return Object.assign(handle, {
    close: () => door.close(),
    counters: () => door.counters(),
  })
}

function askOf(request: Request): Ask<Request> {
  const { pathname, search } = new URL(request.url)
  return {
    method: request.method,
    target: pathname + search,
    header: (name) => request.headers.get(name) ?? undefined,
    read: (bytesMax, signal) => readBody(request, bytesMax, signal),
    left: request.signal,
    raw: request,
  }
}

async function readBody(
  request: Request,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (request.bodyUsed) {
    throw new InvalidArgumentError(
      'fetchHandler: the body has been read already; hand the request over as it came',
    )
  }
  const refused = (): Error => tooLarge(`the body is longer than ${bytesMax} bytes`)
  if (Number(request.headers.get('content-length')) > bytesMax) throw refused()
  if (request.body === null) return new Uint8Array()
  const reader = (request.body as ReadableStream<Uint8Array>).getReader()
  const parts: Uint8Array[] = []
  let bytes = 0
  // What a cancelled body is read from may fail of it: that is nobody's then.
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', cancel)
  try {
    if (signal.aborted) cancel()
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) throw signal.reason
      if (done) return Buffer.concat(parts)
      bytes += value.length
      if (bytes > bytesMax) {
        cancel()
        throw refused()
      }
      parts.push(value)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof Refusal ? error : malformed('the body broke off')
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function responseOf({ status, headers, body }: Answer, method: string): Response {
  const init = { status, headers: { ...headers } }
  if (body === undefined || method === 'HEAD') return new Response(null, init)
  return new Response(typeof body === 'string' ? body : streamOf(body), init)
}

function streamOf(watch: Watch): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let over: (() => void) | undefined
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const listener: Listener = {
          get isReading() {
            return (controller.desiredSize ?? 0) > 0
          },
          tell: (text) => controller.enqueue(encoder.encode(text)),
          end: () => controller.close(),
        }
        over = watch.begin(listener)
      },
      cancel: () => over?.(),
    },
    // There are never more than these, and a word now and then.
    new CountQueuingStrategy({ highWaterMark: 4 }),
  )
}
