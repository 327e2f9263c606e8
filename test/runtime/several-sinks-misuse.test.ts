import { fixed, forEach, InvalidArgumentError, memory, outputs, pipeline } from 'semel'
import { expect, test } from 'vitest'

interface Order {
  readonly id: number
  readonly cents: number
}

const orders = () =>
  pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .retry({ attempts: 2, backoff: fixed('1ms') })

const transactional = { name: 'table', kind: 'transactional', connect: () => ({}) }

test.each<[() => unknown, RegExp]>([
  [() => orders().to(...([] as never[] as [never])), /undefined is not a sink/],
  [() => orders().to(memory(), 3 as never), /3 is not a sink/],
  [() => orders().branch({}), /\{\} names no branches/],
  [() => orders().branch(undefined as never), /names no branches/],
  [() => orders().branch({ 'a-b': (b) => b.to(memory()) }), /"a-b" is not a name/],
  [() => orders().branch({ a: () => 5 as never }), /branch.a: 5 is no branch that ends/],
  [
    () => orders().branch({ a: ((b: unknown) => b) as never }),
    /branch.a: .* is no branch that ends/,
  ],
  [() => orders().branch({ a: (b) => b.map(3 as never).to(memory()) }), /map: 3 is not a function/],
  [
    () => orders().to({ ...transactional } as never, { ...transactional } as never),
    /one transactional sink at most/,
  ],
  [
    () =>
      orders()
        .deadLetters({ ...transactional } as never)
        .to({ ...transactional } as never),
    /table and table: a commit is decided by one transactional sink at most/,
  ],
  [() => pipeline('a').accepts().deliver('at-least-once').to(outputs(), memory()), /stands alone/],
  [
    () => {
      const one = memory()
      return orders().to(one, one)
    },
    /memory is there twice/,
  ],
  [() => orders().deadLetters(memory()).deadLetters(memory()), /it has this sink already/],
  [() => orders().late(memory()).late(memory()), /it has this sink already/],
  [() => orders().deadLetters(7 as never), /deadLetters: 7 is not a sink/],
  [
    () =>
      orders()
        .deadLetters(forEach(() => {}) as never)
        .to(memory()),
    /deadLetters: the sink forEach is repeatable/,
  ],
  [
    () => pipeline('a').accepts().deliver('at-most-once').deadLetters(memory()).to(memory()),
    /at-most-once keeps no dead letters/,
  ],
  [
    () =>
      orders().branch(
        Object.fromEntries(
          Array.from({ length: 33 }, (_, at) => [
            `b${at}`,
            (b: never) => (b as { to(sink: unknown): never }).to(memory()),
          ]),
        ) as never,
      ),
    /33 sinks; a pipeline has at most 32/,
  ],
  [
    () =>
      pipeline('a')
        .accepts()
        .branch({ a: (b: { to(sink: unknown): never }) => b.to(memory()) } as never),
    /needs a delivery/,
  ],
])('what can not be is refused (%#)', (define, why) => {
  expect(define).toThrow(InvalidArgumentError)
  expect(define).toThrow(why)
})
