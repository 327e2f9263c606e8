import type { Sink } from '../../../core/sink.js'
import { HttpConnection } from './connection.js'
import { checkHttpSink, type HttpRequest, type HttpSinkOptions } from './options.js'

/**
 * A sink that sends each output to a server, in order, as JSON, one request at a time. It takes no
 * other package.
 *
 * - 2xx: it is written
 * - 429, 503, a server that is down, fails (5xx) or takes too long: the shard waits, for as long as
 *   `Retry-After` says, and sends the same output again, with the same `Idempotency-Key`
 * - other 4xx: that output is refused, and its message is tried again, or dead-lettered
 *
 * A redirect is followed nowhere, and is the server's failure.
 *
 * @param to where to, or what an output is sent as
 * @typeParam T what it takes
 * @throws InvalidArgumentError for what is neither a URL nor a function, or options that can't be used
 * @example httpSink('https://example.org/orders', { idempotent: true, key: (order) => order.id })
 * @example httpSink((order) => ({ url: `https://example.org/orders/${order.id}`, method: 'PUT' }))
 */
export function httpSink<T = unknown>(
  to: string | URL | ((output: T) => HttpRequest),
  options: HttpSinkOptions<T> & { idempotent: true },
): Sink<T, 'idempotent'>
export function httpSink<T = unknown>(
  to: string | URL | ((output: T) => HttpRequest),
  options?: HttpSinkOptions<T>,
): Sink<T, 'repeatable'>
export function httpSink<T = unknown>(
  to: string | URL | ((output: T) => HttpRequest),
  options?: HttpSinkOptions<T>,
): Sink<T, 'idempotent' | 'repeatable'> {
  const checked = checkHttpSink(to, options)
  const { name, kind } = checked
  return Object.freeze({
    name,
    kind,
    ...(kind === 'idempotent' ? { declared: true as const } : {}),
    connect: () => new HttpConnection<T>(checked),
  })
}
