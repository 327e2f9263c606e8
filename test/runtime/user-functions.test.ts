import { fixed, forEach, pipeline, type MessageContext } from 'semel'
import { describe, expect, test } from 'vitest'
import { usesContext } from '../../src/runtime/operators/context-use.js'
import { shardOf } from '../../src/runtime/message/keys.js'
import { thrownValues } from './thrown-values.js'
import { expectBalanced, opened, pushAll, scratch, small, until } from './verbs.js'

const settings = () => ({ ...small, dir: scratch(), workers: 0, durability: 'process' }) as const

interface Message {
  readonly id: number
  readonly key: string
}

const messages = (count: number): Message[] =>
  Array.from({ length: count }, (_, id) => ({ id, key: `key ${id % 3}` }))

describe('the context', () => {
  test('comes to every function that may look at it', async () => {
    const seen: unknown[] = []
    const look = (context: MessageContext | undefined): void => {
      seen.push(context?.sequence)
    }
    function byArguments(): unknown {
      // oxlint-disable-next-line prefer-rest-params
      look(arguments[1] as MessageContext)
      // oxlint-disable-next-line prefer-rest-params
      return arguments[0]
    }
    const of = {
      method(value: Message, context: MessageContext) {
        look(context)
        return value
      },
    }
    const definition = pipeline('context')
      .accepts<Message>()
      .deliver('at-least-once')
      .map((...all) => (look(all[1]), all[0]))
      .map((value, context = undefined as never) => (look(context), value))
      .map((value, { sequence } = {} as never) => (seen.push(sequence), value))
      .map(byArguments as (value: Message) => Message)
      .map(of.method.bind(of))
      .map(new Proxy(of.method, {}))
      .batch(2, { within: '1s' })
      .map((list, context) => (look(context), list))
      .flatMap((list, ...rest) => (look(rest[0]), list))
      .to(forEach(() => {}))
    const stream = await opened(definition, settings())
    await pushAll(stream, messages(2))
    await stream.drain()
    expect(seen).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2])
  })

  test('stays right for those who keep it', async () => {
    const kept: MessageContext[] = []
    const definition = pipeline('kept')
      .accepts<Message>()
      .deliver('at-least-once')
      .tap(async (_, context) => {
        kept.push(context)
        await Promise.resolve()
        kept.push(context)
      })
      .to(forEach(() => {}))
    const stream = await opened(definition, settings())
    await pushAll(stream, messages(5))
    await stream.drain()
    expect(kept.map(({ sequence }) => sequence).toSorted()).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
  })

  test.each<[unknown, boolean]>([
    [(value: unknown) => value, false],
    [async (value: unknown) => value, false],
    [({ id, key: name }: Message) => [id, name], false],
    [([first, second]: unknown[]) => [first, second], false],
    [() => 1, false],
    [(value: unknown, _context: unknown) => value, true],
    [({ id = 2 }: { id?: number }) => id, true],
    [(value: unknown = 1) => value, true],
    [(...all: unknown[]) => all, true],
    [Math.abs, true],
    [Array.isArray.bind(null), true],
    [Map, true],
    [
      {
        plain(value: unknown) {
          return value
        },
      }.plain,
      false,
    ],
    [
      {
        async *many(value: unknown) {
          yield value
        },
      }.many,
      false,
    ],
    [{}, true],
  ])('is asked for only where it may be used: %#', (apply, may) => {
    expect(usesContext(apply)).toBe(may)
  })

  test('has an id that is asked for once, and one that fails is the failure of its message', async () => {
    let asked = 0
    const ids: unknown[] = []
    let isOpen = false
    const definition = pipeline('ids')
      .accepts<Message>()
      .deliver('exactly-once', {
        id: ({ id }) => {
          if (isOpen && id === 2) throw new Error('no id any more')
          asked += 1
          return id
        },
        window: '1h',
      })
      .keyBy(({ key }) => key)
      .retry({ attempts: 1 })
      .tap((_, { id }) => {
        ids.push(id)
      })
      .tap((_, context) => {
        ids.push(context.id, context.id)
      })
      .to(forEach(() => {}, { idempotent: true }))
    const stream = await opened(definition, settings())
    for (const message of messages(3)) stream.push(message)
    isOpen = true
    await stream.drain()
    expect(ids).toEqual([0, 0, 0, 1, 1, 1])
    expect(asked).toBe(5)
    const [letter] = [...stream.deadLetters.list()]
    expect(letter?.history[0]?.error).toBe('Error: no id any more')
  })
})

async function flattened(many: (message: Message) => unknown, fails = true) {
  const outputs: unknown[] = []
  const definition = pipeline('many')
    .accepts<Message>()
    .deliver('at-least-once')
    .retry({ attempts: 1 })
    .flatMap(many as (message: Message) => unknown[])
    .map((value) => {
      if (fails && value === 'bad') throw new Error('downstream')
      return value
    })
    .to(forEach((output) => outputs.push(output)))
  const stream = await opened(definition, settings())
  await pushAll(stream, messages(1))
  await stream.drain({ timeout: 5000 })
  return {
    outputs,
    errors: [...stream.deadLetters.list()].map(({ history }) => history[0]?.error),
  }
}

describe('a flatMap', () => {
  test.each([undefined, null, 'text', 5, true, {}, Symbol('one'), () => []].map((none) => [none]))(
    'that answers no list of values fails its message: %o',
    async (none) => {
      const { outputs, errors } = await flattened(() => none)
      expect(outputs).toEqual([])
      expect(errors).toEqual([
        expect.stringMatching(/TypeError: flatMap answered .*holds no values/),
      ])
    },
  )

  test('takes promised values, one after the other', async () => {
    const slow = new Promise((resolve) => {
      setTimeout(() => resolve('slow'), 5)
    })
    expect((await flattened(() => [slow, 'fast', Promise.resolve('last')])).outputs).toEqual([
      'slow',
      'fast',
      'last',
    ])
    expect((await flattened(() => Promise.resolve(new Set([1, 2])))).outputs).toEqual([1, 2])
  })

  test.each<[string, (closed: () => void) => unknown]>([
    [
      'a generator',
      function* (closed) {
        try {
          yield 'good'
          yield 'bad'
          yield 'unread'
        } finally {
          closed()
        }
      },
    ],
    [
      'a generator of promises',
      function* (closed) {
        try {
          yield Promise.resolve('good')
          yield Promise.resolve('bad')
        } finally {
          closed()
        }
      },
    ],
    [
      'an asynchronous generator',
      async function* (closed) {
        try {
          yield 'bad'
        } finally {
          closed()
        }
      },
    ],
    [
      'one whose closing throws',
      (closed) =>
        iteratorOf(() => {
          closed()
          throw new Error('closing')
        }),
    ],
    [
      'one whose closing never ends',
      (closed) =>
        asyncIteratorOf(() => {
          closed()
          return new Promise<never>(() => {})
        }),
    ],
    [
      'one whose closing rejects',
      (closed) =>
        asyncIteratorOf(() => {
          closed()
          return Promise.reject(new Error('closing'))
        }),
    ],
  ])('closes %s where a value fails, which is what is told', async (_what, make) => {
    let closings = 0
    const { errors } = await flattened(() => make(() => (closings += 1)))
    expect(closings).toBe(1)
    expect(errors).toEqual(['Error: downstream'])
  })

  test('needs no way to close one', async () => {
    expect((await flattened(() => ({ [Symbol.iterator]: () => ({ next: bad }) }))).errors).toEqual([
      'Error: downstream',
    ])
  })
})

const bad = () => ({ done: false, value: 'bad' })
const iteratorOf = (close: () => never) => ({
  [Symbol.iterator]: () => ({ next: bad, return: close }),
})
const asyncIteratorOf = (close: () => Promise<never>) => ({
  [Symbol.asyncIterator]: () => ({
    next: () => Promise.resolve({ done: false, value: 'bad' }),
    return: close,
  }),
})

/** A key of another one of three shards. */
function elsewhere(key: string): string {
  for (let n = 0; ; n++) if (shardOf(`${n}`, 3) !== shardOf(key, 3)) return `${n}`
}

describe('a key that is told otherwise in the worker', () => {
  const otherwise: readonly [string, (message: Message) => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('no key')
      },
    ],
    [
      'throws null',
      () => {
        throw null
      },
    ],
    ['is undefined', () => undefined],
    ['is NaN', () => NaN],
    ['is an object', () => ({})],
    ['is a promise', () => Promise.resolve('same')],
    ['is another', ({ key }) => elsewhere(key)],
  ]
  test.each(
    otherwise.flatMap(([what, key]) => [[what, key, false] as const, [what, key, true] as const]),
  )('makes a dead letter of what needs it: it %s; promises: %s', async (_what, key, promises) => {
    let asked = 0
    const seen: number[] = []
    const definition = pipeline('keys')
      .accepts<Message>()
      .deliver('at-least-once')
      .keyBy((message) => {
        // First at the door.
        if (message.id === 1 && asked++ > 0) return key(message) as string
        return message.key
      })
      .retry({ attempts: 3, backoff: fixed(1) })
      .tap((message) => {
        // In place the first failure is what asks for keys.
        if (message.id === 0) throw new Error('fails')
        seen.push(message.id)
        return promises ? Promise.resolve() : undefined
      })
      .to(forEach(() => {}))
    // Most other keys are of another of so many shards.
    const stream = await opened(definition, { ...settings(), shards: 3 })
    const failed: unknown[] = []
    stream.on('failed', (error) => failed.push(error))
    for (const message of [0, 1, 2].map((id) => ({ id, key: 'same' }))) stream.push(message)
    await stream.drain({ timeout: 10_000 })
    expect(failed).toEqual([])
    expectBalanced(stream.counters())
    expect(stream.counters()).toMatchObject({ processed: 1, deadLettered: 2 })
    expect(seen).toEqual([2])
    const letters = [...stream.deadLetters.list()]
    const letter = letters.find(({ message }) => (message as Message).id === 1)
    expect(letter?.history.at(-1)?.error).toMatch(/keyBy .*in the worker/)
  })
})

async function timed(time: (message: Message) => unknown) {
  const definition = pipeline('times')
    .accepts<Message>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h', time: time as () => number })
    .retry({ attempts: 2, backoff: fixed(1) })
    .to(forEach(() => {}, { idempotent: true }))
  const stream = await opened(definition, settings())
  await pushAll(stream, messages(2))
  await stream.drain()
  const { processed, late, deadLettered } = stream.counters()
  const [letter] = [...stream.deadLetters.list()]
  return { processed, late, deadLettered, error: letter?.history.at(-1)?.error }
}

describe('a time', () => {
  test.each<[unknown, RegExp]>([
    [undefined, /undefined, which is no time/],
    [null, /null, which is no time/],
    [NaN, /NaN, which is no time/],
    [Infinity, /Infinity, which is no time/],
    [-Infinity, /Infinity, which is no time/],
    ['2020-02-02T02:02:02Z', /"2020-02-02T02:02:02Z", which is no time/],
    [1_700_000_000_000n, /1700000000000n, which is no time/],
    [new Date('nonsense'), /Invalid Date, which is no time/],
    [Promise.resolve(1), /which is no time/],
    [{ valueOf: () => 1 }, /which is no time/],
  ])('that is none makes a dead letter: %o', async (time, words) => {
    const found = await timed(() => time)
    expect(found).toMatchObject({ processed: 0, late: 0, deadLettered: 2 })
    expect(found.error).toMatch(words)
  })

  test.each(thrownValues.slice(0, 12))(
    'that throws makes a dead letter: %#',
    async (make, words) => {
      const found = await timed(() => {
        throw make()
      })
      expect(found).toMatchObject({ processed: 0, deadLettered: 2 })
      expect(found.error).toMatch(words)
    },
  )

  test('may be a date', async () => {
    expect(await timed(() => new Date())).toMatchObject({ processed: 2 })
    expect(await timed(() => new Date(0))).toMatchObject({ late: 2 })
  })
})

test('a listener that throws stops nothing, and those behind it are told', async () => {
  const thrown: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error))
  try {
    const told: number[] = []
    const definition = pipeline('listeners')
      .accepts<Message>()
      .deliver('at-least-once')
      .retry({ attempts: 1 })
      .tap(({ id }) => {
        if (id % 2 === 0) throw new Error('even')
      })
      .to(forEach(() => {}))
    const stream = await opened(definition, settings())
    stream.once('dead-letter', () => {
      throw new Error('once')
    })
    stream.on('dead-letter', () => {
      throw new Error('always')
    })
    stream.on('dead-letter', ({ sequence }) => told.push(sequence))
    await pushAll(stream, messages(6))
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 3, deadLettered: 3 })
    expect(told).toEqual([1, 3, 5])
    await until(() => thrown.length === 4, 'the listeners’ errors')
    expect(stream.listenerCount('dead-letter')).toBe(2)
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  }
})
