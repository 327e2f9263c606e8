import type { IncomingMessage } from 'node:http'
import { expect, expectTypeOf, test } from 'vitest'
import type { Completion, StandardSchema, Stream } from 'semel'
import { fetchHandler, httpHandler, type HttpOptions } from 'semel/http'

interface Order {
  readonly id: string
  readonly pieces: number
}

/** As far as handlers look at one before a request comes. */
const stream = {
  acknowledge: 'stored',
  isOver: false,
  ready: async () => {},
  send: async () => {},
} as unknown as Stream<Order, Order, 'stored'>
const message = (): Order => ({ id: 'a', pieces: 1 })

test.each<[string, object | undefined]>([
  ['message: undefined is not a function', {}],
  ['message: undefined is not a function', undefined],
  ['message: "id" is not a function', { message: 'id' }],
  ['acknowledge: "batched" is unknown', { acknowledge: 'batched' }],
  ['key: there is no "none"', { key: 'none' }],
  ['schema: {} is not a Standard Schema', { schema: {} }],
  ['scope: "a" is not a function', { scope: 'a' }],
  ['recall: true is not a function', { recall: true }],
  ['headers: "traceparent" names no headers', { headers: 'traceparent' }],
  ["headers: [ 'a b' ] names no headers", { headers: ['a b'] }],
  ['bodyMax', { bodyMax: 0 }],
  ['bodyMax', { bodyMax: '65MiB' }],
  ['bodyTimeout', { bodyTimeout: '0ms' }],
  ['roomTimeout', { roomTimeout: '2h' }],
  ['timeout', { timeout: -1 }],
  ['underWayMax', { underWayMax: 0 }],
  ['watchersMax', { watchersMax: 1.5 }],
  ['rate.max', { rate: { max: 0, per: '1s' } }],
  ['rate.per', { rate: { max: 1, per: '0ms' } }],
  ['rate.per', { rate: { max: 1 } }],
  ['rate.by', { rate: { max: 1, per: '1s', by: 'ip' } }],
  ['retryAfter', { retryAfter: '10ms' }],
  ['remember', { remember: -1 }],
  ['tellsErrors', { tellsErrors: 'yes' }],
  ['onError', { onError: console }],
  ['there is no option "path"', { path: '/orders' }],
])('%s', (what, options) => {
  const given = options === undefined || 'message' in options ? options : { message, ...options }
  const wrong = what.startsWith('message') ? options : given
  for (const [name, make] of [
    ['httpHandler', httpHandler],
    ['fetchHandler', fetchHandler],
  ] as const) {
    expect(() => make(stream, wrong as never)).toThrow(
      expect.objectContaining({
        code: 'SEMEL_INVALID_ARGUMENT',
        message: expect.stringMatching(new RegExp(`^${name}\\b[^]*`)),
      }),
    )
    expect(() => make(stream, wrong as never)).toThrow(what)
  }
})

test('what is no stream is refused', () => {
  expect(() => httpHandler(undefined as never, { message })).toThrow('is no stream')
  expect(() => fetchHandler({ send() {} } as never, { message })).toThrow('is no stream')
})

test('types go from the schema to the message, and the message is the stream’s', () => {
  const schema = {} as StandardSchema<unknown, { pieces: number }>
  type Options = HttpOptions<Order, { pieces: number }, IncomingMessage>
  const given = {
    schema,
    message({ body, id, request }) {
      expectTypeOf(body).toEqualTypeOf<{ pieces: number }>()
      expectTypeOf(request).toEqualTypeOf<IncomingMessage>()
      return { ...body, id }
    },
  } satisfies Options
  void given
  const inferred = (): unknown =>
    httpHandler(stream, {
      schema,
      message({ body, id }) {
        expectTypeOf(body).toEqualTypeOf<{ pieces: number }>()
        return { ...body, id }
      },
    })
  // @ts-expect-error the message has no pieces
  const wrong = (): unknown => httpHandler(stream, { message: ({ id }) => ({ id }) })
  const unknown = (): unknown =>
    fetchHandler(stream, {
      message({ body, request }) {
        expectTypeOf(body).toBeUnknown()
        expectTypeOf(request).toEqualTypeOf<Request>()
        return { id: 'a', pieces: 1 }
      },
    })
  void [inferred, wrong, unknown]
  expectTypeOf<Awaited<ReturnType<typeof stream.send<'processed'>>>>().toEqualTypeOf<
    Completion<Order>
  >()
})
