import { runInNewContext } from 'node:vm'

const refuse = (): never => {
  throw new Error('unreadable')
}

class Unnamed extends Error {
  override get message(): string {
    return refuse()
  }

  override get name(): string {
    return refuse()
  }
}

class Numbered extends Error {
  override readonly message = 7 as unknown as string
  override readonly name = { of: 'an error' } as unknown as string
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function cyclic(): Error {
  const error = new Error('cyclic')
  error.cause = error
  return error
}

/** What a function may throw, and words that must be told of it. */
export const thrownValues: readonly (readonly [() => unknown, RegExp])[] = [
  [() => null, /null/],
  [() => {}, /undefined/],
  [() => '', /empty text/],
  [() => 'only a text', /only a text/],
  [() => 42, /42/],
  [() => -0, /0/],
  [() => Symbol('mark'), /Symbol\(mark\)/],
  [() => 12n, /12n/],
  [() => 1n << 100_000n, /bigint/],
  [() => refuse, /function.*refuse/],
  [() => Promise.reject(new Error('nobody looks')), /Promise/],
  [() => Object.assign(Object.create(null) as object, { reason: 'bare' }), /bare/],
  [() => ({ code: 'E_PLAIN', detail: 1 }), /E_PLAIN/],
  [() => ({ message: 'said by an object' }), /said by an object/],
  [() => ({ toString: refuse, [Symbol.toPrimitive]: refuse }), /object|toString/],
  [() => Object.defineProperty({}, 'message', { get: refuse, enumerable: true }), /Getter/],
  [() => Object.defineProperty({}, Symbol.toStringTag, { get: refuse }), /object/],
  [() => new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse }), /\{\}/],
  [() => new Proxy(new Error('behind'), { getPrototypeOf: refuse }), /behind/],
  [
    () => Object.create(new Proxy({}, { getPrototypeOf: refuse, get: refuse })) as unknown,
    /object/,
  ],
  [revoked, /Revoked/],
  [() => new Unnamed(), /^Error: /],
  [() => new Numbered(), /^Error: /],
  [() => new Error('long '.repeat(2_000_000)), /^Error: long long/],
  [() => Object.freeze(new TypeError('frozen')), /TypeError: frozen/],
  [() => new AggregateError([new Error('first of two'), 2], ''), /first of two/],
  [() => new AggregateError([]), /AggregateError/],
  [cyclic, /cyclic/],
  [() => runInNewContext('new RangeError("elsewhere")') as unknown, /RangeError: elsewhere/],
  [() => new DOMException('aborted', 'AbortError'), /AbortError: aborted/],
  [() => [1, [2, [3]]], /1/],
  [() => Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, i])), /many/],
  [() => new Map([[refuse, refuse]]), /Map/],
  [() => Buffer.alloc(100_000), /Buffer|Uint8Array/],
]
