// What functions of the user's answer where it can't be used: a promise that rejects, a hostile object, a
// close of the stream. It is refused in words, with a code, and ends neither process nor message.
import {
  fixed,
  memory,
  pipeline,
  type ConsumeProgress,
  type Source,
  type SourceContext,
} from 'semel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { opened, pushAll, scratch, small } from './verbs.js'

const settings = () => ({ ...small, dir: scratch(), workers: 0, durability: 'process' }) as const

interface Message {
  readonly n: number
}

const unhandled: unknown[] = []
const note = (reason: unknown): void => {
  unhandled.push(reason)
}
beforeEach(() => {
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

const late = async (): Promise<never> => {
  await Promise.resolve()
  throw new Error('too late')
}
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const throwing = (name: string): object => ({
  get [name]() {
    throw new Error(`${name} is not to be read`)
  },
})

const schema = (validate: (value: unknown) => unknown) =>
  pipeline('answers')
    .accepts({ '~standard': { version: 1, vendor: 'own', validate } } as never)
    .deliver('at-least-once')
    .to(memory())
const accepting = () => pipeline('answers').accepts<Message>()
const id = (answer: () => unknown) =>
  accepting()
    .deliver('exactly-once', { id: answer as never, window: '1h' })
    .to(memory())
const producer = (answer: () => unknown) =>
  accepting()
    .deliver('exactly-once', { producer: answer as never })
    .to(memory())
const classes = (answer: () => unknown) =>
  accepting()
    .deliver(answer as never, { 'at-least-once': {} } as never)
    .to(memory())

describe('at the door is refused with a code', () => {
  test.each<[string, unknown, RegExp]>([
    ['id', id(late), /^id: /],
    [
      'keyBy',
      accepting()
        .deliver('at-least-once')
        .keyBy(late as never)
        .to(memory()),
      /^keyBy: /,
    ],
    ['producer', producer(late), /^deliver\.producer/],
    ['a member of producer', producer(() => ({ id: 'a', epoch: 1, sequence: late() })), /sequence/],
    ['two members', producer(() => ({ id: late(), epoch: late(), sequence: 1 })), /producer\.id/],
    ['a revoked producer', producer(revoked), /^deliver\.producer: /],
    ['a getter of producer', producer(() => throwing('epoch')), /epoch is not to be read/],
    ['a class', classes(late), /^deliver: /],
    [
      'a class that throws',
      classes(() => {
        throw new RangeError('no class')
      }),
      /^deliver: it threw no class/,
    ],
    [
      'a thrown promise',
      id(() => {
        throw late()
      }),
      /^id: it threw/,
    ],
    ['an asynchronous schema', schema(late), /answers with a promise/],
    ['a schema that answers null', schema(() => null), /answered null, which is no result/],
    ['issues that are a text', schema(() => ({ issues: 'bad' })), /the issues "bad"/],
    ['issues that are none', schema(() => ({ issues: [null, 7] })), /^message: null; 7; the/],
    ['no issues at all', schema(() => ({ issues: [] })), /does not say what/],
    ['a path of text', schema(() => ({ issues: [{ message: 'odd', path: 'a.b' }] })), /a\.b: odd/],
    ['a part of a path', schema(() => ({ issues: [{ message: 1, path: [null, 'c'] }] })), /c: 1/],
    ['a hostile issue', schema(() => ({ issues: [throwing('message')] })), /not to be read/],
  ])('%s', async (_, definition, message) => {
    const stream = await opened<Message>(definition as never, settings())
    const refused = { code: 'SEMEL_INVALID_ARGUMENT', message: expect.stringMatching(message) }
    let thrown: unknown
    try {
      stream.push({ n: 1 })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject(refused as object)
    await expect(stream.send({ n: 2 })).rejects.toMatchObject(refused as object)
    await stream.drain()
    expect(stream.counters().stored).toBe(0)
  })
})

test('a time that is promised makes a dead letter, and no end of the process', async () => {
  const definition = pipeline('time')
    .accepts<Message>()
    .deliver('exactly-once', { id: ({ n }) => n, window: '1h', time: late as never })
    .retry({ attempts: 1 })
    .to(memory())
  const stream = await opened(definition, settings())
  await pushAll(stream, [{ n: 1 }])
  await stream.drain()
  expect([...stream.deadLetters.list()].map(({ history }) => history[0]?.error)).toEqual([
    expect.stringMatching(/deliver\.time answered Promise/),
  ])
})

let close = (): void => {}
const closingIn = {
  schema: () =>
    pipeline('closing')
      .accepts({
        '~standard': {
          version: 1,
          vendor: 'own',
          validate: (value: unknown) => (close(), { value }),
        },
      } as never)
      .deliver('at-least-once')
      .to(memory()),
  id: () =>
    pipeline('closing')
      .accepts<Message>()
      .deliver('exactly-once', { id: ({ n }) => (close(), n), window: '1h' })
      .to(memory()),
  keyBy: () =>
    pipeline('closing')
      .accepts<Message>()
      .deliver('at-least-once')
      .keyBy(({ n }) => (close(), n))
      .to(memory()),
  producer: () =>
    pipeline('closing')
      .accepts<Message>()
      .deliver('exactly-once', {
        producer: ({ n }) => (close(), { id: 'a', epoch: 1, sequence: n }),
      })
      .to(memory()),
  getter: () => pipeline('closing').accepts<Message>().deliver('at-least-once').to(memory()),
}

describe('a stream that is closed meanwhile takes nothing', () => {
  test.each(Object.entries(closingIn))('by its %s', async (name, definition) => {
    for (const verb of ['push', 'send'] as const) {
      const stream = await opened<Message>(definition() as never, settings())
      let closed: Promise<void> | undefined
      close = () => {
        closed ??= stream.close()
      }
      const message: Message =
        name === 'getter'
          ? {
              get n() {
                close()
                return 1
              },
            }
          : { n: 1 }
      const sent = (async () => stream[verb](message))()
      await expect(sent).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
      await closed
      expect(stream.counters().stored).toBe(0)
      close = () => {}
    }
  })
})

async function lettersOf(answer: (message: Message) => unknown, workers = 0): Promise<string[]> {
  const sink = memory<unknown>()
  const definition = pipeline('many')
    .accepts<Message>()
    .deliver('at-least-once')
    .flatMap(answer as never)
    .map((value: unknown) => {
      if (value === 'bad') throw new Error('a bad value')
      return value
    })
    .retry({ attempts: 2, backoff: fixed(1) })
    .to(sink)
  const stream = await opened(definition, { ...settings(), workers })
  await pushAll(stream, [{ n: 1 }])
  await stream.drain()
  return [...stream.deadLetters.list()].map(({ history }) => history.at(-1)?.error ?? '')
}
const soon = (ms: number, value: unknown): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, ms, value))

const fails = async (ms: number): Promise<never> => {
  await soon(ms, 0)
  throw new Error(`failed after ${ms} ms`)
}

const stepping = (answer: unknown, isAsync: boolean): object => ({
  [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => ({ next: () => answer }),
})

describe('flatMap', () => {
  test.each<[string, () => unknown, string]>([
    ['an array', () => [soon(8, 1), fails(1), fails(3)], 'Error: failed after 1 ms'],
    ['a promised array', async () => [soon(8, 1), fails(1)], 'Error: failed after 1 ms'],
    ['a set', () => new Set([soon(8, 1), fails(1)]), 'Error: failed after 1 ms'],
    ['a bad value before it', () => ['bad', fails(1)], 'Error: a bad value'],
    ['the first of two', () => [fails(2), fails(1)], 'Error: failed after 2 ms'],
    ['values in between', () => [1, soon(5, 2), 3, fails(1), 4], 'Error: failed after 1 ms'],
  ])('takes a rejection of %s as a failed attempt', async (_, answer, error) => {
    expect(await lettersOf(answer)).toEqual([error])
  })

  test.each([undefined, null, 7, 'done', true, Symbol('s')])(
    'refuses an iterator whose next() answers %s',
    async (answer) => {
      for (const isAsync of [false, true]) {
        const [error, ...others] = await lettersOf(() => stepping(answer, isAsync))
        expect(others).toEqual([])
        expect(error).toMatch(/^TypeError: flatMap answered an iterator whose next\(\) answered/)
      }
    },
  )
})

const storing = () => pipeline('sources').accepts<Message>().deliver('at-least-once').to(memory())
const source = (own: Partial<Record<keyof Source<Message>, unknown>>): Source<Message> =>
  ({ name: 'own', resumable: true, partitions: ['p'], ...own }) as Source<Message>
const giving = (...batches: unknown[]): Source<Message> =>
  source({
    async *read() {
      yield* batches
    },
  })
const batch = (row: unknown): unknown => ({ partition: 'p', rows: [row], offset: 1 })
const cycle: Record<string, unknown> = {}
cycle['self'] = cycle
const identifying = (answer: unknown): Source<Message> =>
  source({ identify: async () => answer, read: async function* () {} })

describe('a source of somebody else', () => {
  test.each<[string, Source<Message>, RegExp, string?]>([
    ['a batch that is null', giving(null), /own gave null, where a batch is/],
    ['a batch that is a number', giving(3), /own gave 3, where a batch is/],
    ['a getter of a batch', giving(throwing('partition')), /partition is not to be read/],
    [
      'a getter of a row',
      giving(
        batch({
          offset: 1,
          get message() {
            throw new Error('shy')
          },
        }),
      ),
      /row 0 of a batch can't be read: shy/,
    ],
    ['a row without offset', giving(batch(throwing('message'))), /offset undefined/],
    [
      'a getter of what is malformed',
      giving(batch({ offset: 1, malformed: throwing('text') })),
      /text is not to be read/,
    ],
    [
      'an identity with a bigint',
      giving({ partition: 'p', rows: [], offset: 1, identity: { at: 1n } }),
      /JSON has no form for/,
    ],
    ['read without an answer', source({ read: () => undefined }), /read answered undefined/],
    ['an asynchronous read', source({ read: late }), /read answered Promise/],
    ['an array', source({ read: () => [] }), /read answered \[\]/],
    [
      'a next() without an answer',
      source({ read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => undefined }) }) }),
      /next\(\) answered undefined/,
      'SEMEL_INVALID_ARGUMENT',
    ],
    ['no list of partitions', identifying(5), /by no list/],
    ['a partition that is null', identifying([null]), /identifies a partition by null/],
    [
      'a bigint in an identity',
      identifying([{ name: 'p', is: [], identity: { at: 2n } }]),
      /JSON has no form for/,
    ],
    [
      'a cycle in an identity',
      identifying([{ name: 'p', is: [], identity: cycle }]),
      /JSON has no form for/,
    ],
    ['a revoked partition', identifying([revoked()]), /what it identifies can't be read/],
  ])('is told of %s with a code', async (_, own, message, code = 'SEMEL_SOURCE') => {
    const stream = await opened(storing(), settings())
    await expect(stream.consume(own)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
    const rows = giving({ partition: 'p', rows: [{ message: { n: 1 }, offset: 1 }], offset: 1 })
    expect(await stream.consume(rows)).toEqual({ rows: 1, malformed: 0 })
  })

  test('has its reading ended by a listener that fails, at once or later', async () => {
    const listeners: ((progress: ConsumeProgress) => void)[] = [
      () => {
        throw new Error('too late')
      },
      late,
    ]
    for (const onProgress of listeners) {
      const stream = await opened(storing(), settings())
      const rows = source({
        async *read({ offsets }: SourceContext) {
          for (let at = Number(offsets.get('p') ?? 0) + 1; at <= 3; at++) {
            yield { partition: 'p', rows: [{ message: { n: at }, offset: at }], offset: at }
            await new Promise(setImmediate)
          }
        },
      })
      await expect(stream.consume(rows, { onProgress })).rejects.toThrow('too late')
      await stream.drain()
      expect(stream.counters().processed).toBe(1)
      expect(await stream.consume(rows)).toEqual({ rows: 2, malformed: 0 })
    }
  })
})
