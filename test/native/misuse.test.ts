import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { SemelError } from 'semel'
import type { Addon, NativeOptions } from '../../src/native/addon.js'
import { scratch, startScript } from '../runtime/verbs.js'

// dist's own copy of the addon, so that errors are of the class that the library throws.
const { addon } = (await import(new URL('../../dist/native/addon.js', import.meta.url).href)) as {
  addon: () => Addon
}
const native = addon() as unknown as Record<string, (...given: unknown[]) => unknown>

const noPlaces = new Float64Array()
const usual = {
  name: 'native',
  directory: '',
  shards: 2,
  workers: 1,
  delivery: 2,
  durability: 1,
  visibility: 0,
  ringBytes: 65_536,
  segmentBytes: 1_048_576,
  intervalMs: 0,
  groupPauseUs: 500,
  dedup: true,
  windowMs: 3_600_000,
  maxIds: 1000,
  shortenWindow: false,
  parkedMax: 10,
  inFlightMax: 16,
}

const options = (more: Record<string, unknown> = {}): NativeOptions =>
  ({ ...usual, directory: scratch(), ...more }) as NativeOptions

const open = (more?: Record<string, unknown>): number =>
  addon().open(options(more), () => {}).handle

/** Everything that is not what a function asks for. */
const junk = [
  undefined,
  null,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  2 ** 32,
  2 ** 53,
  '0',
  {},
  [],
  () => {},
  Symbol('x'),
  10n,
  new Uint8Array(3),
  new Uint16Array(8),
  new DataView(new ArrayBuffer(8)),
  new Proxy({}, {}),
]

/** Arguments that each function takes; a stand-in for a handle, and an attempt. */
const handleOf = Symbol('handle')
const attemptOf = Symbol('attempt')
const shapes: Record<string, unknown[]> = {
  keepAlive: [handleOf, true],
  status: [handleOf, 0],
  stages: [handleOf],
  putFile: [handleOf, 'sources', new Uint8Array(4)],
  lockFile: [handleOf, 0, '/nowhere/out.ndjson'],
  unlockFile: [handleOf, 0, '/nowhere/out.ndjson'],
  writesFile: [handleOf, '/nowhere/out.ndjson'],
  getFile: [handleOf, 'sources'],
  registerStaging: [handleOf, new Uint8Array(64), new Uint8Array(64)],
  append: [handleOf, 0, 1],
  appendFrames: [handleOf, new Uint8Array(64), 16, 0, 8],
  appendOffset: [handleOf, 0, 1, 100],
  replies: [handleOf, 0],
  progress: [handleOf, new Uint8Array(80)],
  wantNotice: [handleOf],
  deadLetters: [handleOf, 0, 0, 16],
  endDeadLetter: [handleOf, 0, 1, true],
  clockMs: [handleOf],
  room: [handleOf],
  attach: [handleOf, 0],
  poll: [handleOf, 0, attemptOf, 16],
  commit: [handleOf, 0, attemptOf, 0, noPlaces, new Uint8Array(), new Uint8Array()],
  acksDurable: [handleOf, 0],
  wait: [handleOf, 0, 0, 0],
  wake: [handleOf, 0],
  nextParked: [handleOf, 0, attemptOf, 0],
  isDuplicate: [handleOf, 0, attemptOf, 1],
  tryParked: [handleOf, 0, attemptOf, 1, true],
  bury: [handleOf, 0],
  fence: [handleOf, 0],
  charge: [handleOf, 0, new Uint8Array(32)],
}
/** Of a stream whose sink is transactional; its shards' sinks have given the epoch 1. */
const transactionalShapes: Record<string, unknown[]> = {
  prepare: [handleOf, 0, attemptOf, 0, false, noPlaces, new Uint8Array()],
  prepared: [handleOf, 0, attemptOf],
  confirm: [handleOf, 0, attemptOf, false, new Uint8Array()],
  askedSink: [handleOf, 0, attemptOf, 2, 0, 0],
  discard: [handleOf, 0, attemptOf],
  record: [handleOf, 0, attemptOf],
  startOver: [handleOf, 0, attemptOf],
}
const transactional = { transactional: true, answers: new Float64Array([1, 0, 0, 1, 0, 0]) }

/** It returns something, or throws one of our errors: never anything else. */
function survives(name: string, args: unknown[]): void {
  try {
    native[name]?.(...args)
  } catch (error) {
    expect(error, `${name}${inspect(args)}`).toBeInstanceOf(SemelError)
    expect((error as SemelError).code).toMatch(/^SEMEL_[A-Z_]+$/)
  }
}

const trusts = (...args: unknown[]): void => survives('trustSink', args)

describe('a native function', () => {
  test('is known to this test', () => {
    const trusting = ['lockRepair', 'unlockRepair', 'trustSink']
    const paths = ['inspect', 'verify', 'repair', 'readDeadLetters', 'readFile', ...trusting]
    const openings = ['open', 'lockDirectory', 'unlockDirectory', 'close', 'detach']
    const others = ['version', 'setErrorClass', 'exitNow', ...openings, ...paths]
    expect(
      Object.keys(native)
        .filter((name) => !others.includes(name))
        .toSorted(),
    ).toEqual(Object.keys({ ...shapes, ...transactionalShapes }).toSorted())
  })

  test('that goes on from a sink survives any answer of one', () => {
    const given = options()
    addon().close(addon().open(given, () => {}).handle)
    const { lock } = addon().lockRepair(given.directory)
    const held = {
      lineage: '0123456789abcdef',
      epoch: 1,
      n: 1,
      through: 0,
      knowsSources: true,
      partitions: [0],
      offsets: [1],
    }
    for (const wrong of junk) {
      survives('lockRepair', [wrong])
      survives('unlockRepair', [wrong === lock ? undefined : wrong])
      for (const name of Object.keys(held)) {
        trusts(lock, given.directory, [{ ...held, [name]: wrong }], true, true)
      }
      trusts(
        lock,
        given.directory,
        [{ ...held, partitions: [wrong], offsets: [wrong] }],
        true,
        true,
      )
      trusts(lock, given.directory, [wrong], true, true)
      for (let at = 0; at < 6; at++) {
        const args: unknown[] = [lock, given.directory, [held], true, true, new Uint8Array(2)]
        args[at] = wrong
        trusts(...args)
      }
    }
    addon().unlockRepair(lock)
    addon().close(addon().open(given, () => {}).handle)
  })

  test('that locks a directory survives any options, and lets it go again', () => {
    for (const wrong of junk) {
      survives('lockDirectory', [wrong])
      survives('unlockDirectory', [wrong])
      for (const name of ['shards', 'opening', 'answers']) {
        survives('lockDirectory', [options({ [name]: wrong })])
        survives('open', [options({ [name]: wrong }), () => {}])
      }
    }
    const given = options()
    const { opening } = addon().lockDirectory(given)
    expect(() => addon().lockDirectory(given)).toThrow(/SEMEL|in use|has it|open/i)
    addon().unlockDirectory(opening)
    addon().close(addon().open(given, () => {}).handle)
    expect(() => addon().open({ ...given, opening }, () => {})).toThrow(/given up/)
  })

  test.each(Object.keys(transactionalShapes))(
    '%s is for a stream whose sink is transactional',
    (name) => {
      const handle = open()
      const { attempt } = addon().attach(handle, 0)
      const right = (transactionalShapes[name] as unknown[]).map((one) =>
        one === handleOf ? handle : one === attemptOf ? attempt : one,
      )
      expect(() => native[name]?.(...right)).toThrow(/transactional/)
      addon().close(handle)
    },
  )

  test('that ends the process takes no more than an exit code', () => {
    for (const wrong of junk) survives('exitNow', [wrong])
    survives('exitNow', [])
  })

  test.each(Object.keys({ ...shapes, ...transactionalShapes }))(
    '%s survives any argument in any place, and goes on',
    (name) => {
      const handle = open(name in transactionalShapes ? transactional : {})
      const { attempt } = addon().attach(handle, 0)
      const staging = new Uint8Array(256)
      addon().registerStaging(handle, staging, new Uint8Array(64))
      const right = ((shapes[name] ?? transactionalShapes[name]) as unknown[]).map((one) =>
        one === handleOf ? handle : one === attemptOf ? attempt : one,
      )
      for (let place = 0; place < right.length; place++) {
        for (const wrong of junk) survives(name, right.with(place, wrong))
      }
      for (let count = 0; count < right.length; count++) survives(name, right.slice(0, count))
      expect(addon().status(handle, 0)).toMatchObject({ processed: 0, parked: 0 })
      addon().close(handle)
      expect(() => native[name]?.(...right)).toThrow(/the stream is closed; open it again/)
    },
  )

  test.each([
    ['status', [2]],
    ['replies', [256]],
    ['attach', [2]],
    ['appendOffset', [7, 0, 0]],
    ['wait', [1, 0, 0]],
    ['wake', [4_294_967_295]],
  ])('%s names the argument that is out of range', (name, rest) => {
    const handle = open()
    expect(() => native[name]?.(handle, ...rest)).toThrow(
      expect.objectContaining({
        code: 'SEMEL_INVALID_ARGUMENT',
        message: expect.stringMatching(/^argument 2 must be the number of a (?:shard|worker)$/),
      }),
    )
    addon().close(handle)
  })

  test('of a worker is void once another has taken over', () => {
    const handle = open()
    const { attempt } = addon().attach(handle, 0)
    addon().attach(handle, 0)
    const fenced = expect.objectContaining({ code: 'SEMEL_FENCED' })
    expect(() => addon().poll(handle, 0, attempt, 1)).toThrow(fenced)
    expect(() => addon().commit(handle, 0, attempt, 0, noPlaces)).toThrow(fenced)
    expect(() => addon().nextParked(handle, 0, attempt, 0)).toThrow(fenced)
    expect(() => addon().isDuplicate(handle, 0, attempt, 1)).toThrow(fenced)
    expect(() => addon().tryParked(handle, 0, attempt, 1, true)).toThrow(fenced)
    addon().close(handle)
  })
})

describe('open', () => {
  test.each(Object.keys(usual))('survives any %s', (name) => {
    for (const wrong of junk) {
      // It would be a directory, and made.
      if (name === 'directory' && typeof wrong === 'string') continue
      try {
        addon().close(open({ [name]: wrong }))
      } catch (error) {
        expect(error).toBeInstanceOf(SemelError)
      }
    }
  })

  test('survives any argument', () => {
    for (const wrong of junk) {
      expect(() => native['open']?.(wrong, () => {})).toThrow(SemelError)
      expect(() => native['open']?.(options(), typeof wrong === 'function' ? 1 : wrong)).toThrow(
        SemelError,
      )
      survives('close', [wrong])
      survives('detach', [wrong])
      for (const name of ['inspect', 'verify', 'repair', 'readDeadLetters', 'readFile'])
        survives(name, [wrong])
    }
    survives('open', [])
  })

  test('passes on what a getter of the options throws', () => {
    const throwing = {
      ...options(),
      get shards(): number {
        throw new RangeError('no shards today')
      },
    }
    expect(() => addon().open(throwing, () => {})).toThrow('no shards today')
  })
})

describe('rows', () => {
  const rowWords = 8

  function rows(...fields: [word: number, value: number][]): {
    handle: number
    words: Uint32Array
  } {
    const handle = open()
    const bytes = new ArrayBuffer(4 * rowWords * 4)
    const words = new Uint32Array(bytes)
    words.set([0, 8, 0, 1 << 8, 1, 0])
    for (const [word, value] of fields) words[word] = value
    addon().registerStaging(handle, new Uint8Array(64), new Uint8Array(bytes))
    return { handle, words }
  }

  test.each<[string, [number, number][], string]>([
    ['a payload behind the buffer', [[0, 60]], 'SEMEL_INVALID_ARGUMENT'],
    [
      'a payload that wraps around',
      [
        [0, 4_294_967_295],
        [1, 4_294_967_295],
      ],
      'SEMEL_INVALID_ARGUMENT',
    ],
    ['a shard that there is not', [[2, 2]], 'SEMEL_INVALID_ARGUMENT'],
    ['an unknown type', [[3, 99]], 'SEMEL_INVALID_ARGUMENT'],
    ['an unknown form of id', [[3, 9 << 8]], 'SEMEL_INVALID_ARGUMENT'],
    [
      'a text id behind the buffer',
      [
        [3, 3 << 8],
        [4, 60],
        [5, 10],
      ],
      'SEMEL_INVALID_ARGUMENT',
    ],
  ])('with %s are refused', (_, fields, code) => {
    const { handle } = rows(...fields)
    expect(() => addon().append(handle, 0, 1)).toThrow(expect.objectContaining({ code }))
    expect(addon().status(handle, 0).stored).toBe(0)
    addon().close(handle)
  })

  test('behind those that are registered are refused', () => {
    const { handle } = rows()
    const refused = expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' })
    expect(() => addon().append(handle, 0, 5)).toThrow(refused)
    expect(() => addon().append(handle, 4, 1)).toThrow(refused)
    expect(() => addon().append(handle, 4_294_967_295, 4_294_967_295)).toThrow(refused)
    expect(addon().append(handle, 4, 0)).toBe(0)
    expect(addon().append(handle, 0, 1)).toBe(1)
    addon().close(handle)
  })

  test('that are not aligned are refused', () => {
    const handle = open()
    const unaligned = new Uint8Array(new ArrayBuffer(72), 1, 64)
    expect(() => addon().registerStaging(handle, new Uint8Array(8), unaligned)).toThrow(/aligned/)
    addon().close(handle)
  })
})

function polled(): { handle: number; attempt: number; slots: Int32Array } {
  const handle = open({ shards: 1 })
  const seat = addon().attach(handle, 0)
  expect(addon().appendFrames(handle, new Uint8Array(32).fill(1, 16), 16, 0, 99)).toBe(2)
  expect(addon().poll(handle, 0, seat.attempt, 10)).toBe(2)
  return { handle, attempt: seat.attempt, slots: new Int32Array(seat.slots) }
}

const detail = (sequence: number, action: number, outcome = 0, history = 0): Uint8Array => {
  const bytes = Buffer.alloc(32)
  bytes.writeDoubleLE(sequence, 0)
  bytes.writeUInt32LE(action, 16)
  bytes.writeUInt32LE(outcome, 24)
  bytes.writeUInt32LE(history, 28)
  return bytes
}

describe('a commit', () => {
  test.each<[string, number, number, Uint8Array | undefined]>([
    ['of more than is in flight', 3, 0, undefined],
    ['of an outcome that there is not', 2, 99, undefined],
    ['of a negative outcome', 2, -1, undefined],
    ['of a parked message without its detail', 2, 5, undefined],
    ['of a dead letter without its detail', 2, 4, undefined],
    ['with a detail of nothing', 2, 0, detail(9, 1)],
    ['with a detail that is cut', 2, 0, detail(1, 1).subarray(0, 20)],
    ['with an unknown action', 2, 0, detail(1, 7)],
    ['with an outcome that is none', 2, 0, detail(1, 3, 5)],
    ['with a history behind its end', 2, 0, detail(1, 1, 0, 4_294_967_295)],
    ['with a sequence that is no number', 2, 0, detail(Number.NaN, 1)],
    ['with a sequence below all', 2, 0, detail(-5, 1)],
    ['with a sequence beyond all', 2, 0, detail(1e300, 1)],
    ['with a detail of a message that was processed', 2, 0, detail(1, 1)],
    ['with the same detail twice', 1, 5, Buffer.concat([detail(1, 1), detail(1, 1)])],
  ])('%s is refused and changes nothing', (_, count, outcome, details) => {
    const { handle, attempt, slots } = polled()
    for (const sequence of [1, 2]) slots[(sequence & 15) * 4 + 3] = outcome
    expect(() => addon().commit(handle, 0, attempt, count, noPlaces, details)).toThrow(
      expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' }),
    )
    expect(addon().status(handle, 0)).toMatchObject({
      stored: 2,
      through: 0,
      parked: 0,
      processed: 0,
    })
    for (const sequence of [1, 2]) slots[(sequence & 15) * 4 + 3] = 0
    expect(addon().commit(handle, 0, attempt, 2, noPlaces)).toBe(true)
    expect(addon().status(handle, 0)).toMatchObject({ through: 2, processed: 2 })
    addon().close(handle)
  })
})

const answer = (sequence: number, kind: number, length = 0): Uint8Array => {
  const bytes = Buffer.alloc(16)
  bytes.writeDoubleLE(sequence, 0)
  bytes.writeUInt32LE(kind, 8)
  bytes.writeUInt32LE(length, 12)
  return bytes
}

describe('answers', () => {
  test.each<[string, Uint8Array]>([
    ['that are cut', answer(1, 1).subarray(0, 12)],
    ['of an unknown kind', answer(1, 9)],
    ['of no kind', answer(1, 0)],
    ['with a payload behind their end', answer(1, 1, 4_294_967_295)],
    ['of a sequence that is no number', answer(Number.NaN, 1)],
    ['of a sequence below all', answer(-1, 1)],
  ])('%s are refused and change nothing', (_, answers) => {
    const { handle, attempt } = polled()
    expect(() => addon().commit(handle, 0, attempt, 2, noPlaces, undefined, answers)).toThrow(
      expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' }),
    )
    expect(addon().status(handle, 0).through).toBe(0)
    addon().close(handle)
  })

  test('of messages that nobody waits for are left out', () => {
    const { handle, attempt } = polled()
    const both = Buffer.concat([answer(1, 1), answer(9, 1)])
    expect(addon().commit(handle, 0, attempt, 2, noPlaces, undefined, both)).toBe(true)
    const numbers = new Float64Array(5)
    addon().progress(handle, new Uint8Array(numbers.buffer))
    expect([...numbers]).toEqual([0, 0, 2, 2, 0])
    addon().close(handle)
  })

  test.each<[string, number[]]>([
    ['a message that there is not', [4, 0, 0, 0, 0]],
    ['less than no message', [-1, 0, 0, 0, 0]],
    ['no number', [Number.NaN, 0, 0, 0, 0]],
    ['more answers than there are', [0, 8, 0, 0, 0]],
    ['fewer answers than none', [0, -8, 0, 0, 0]],
  ])('are not released by who has read %s', (_, numbers) => {
    const { handle } = polled()
    expect(() =>
      addon().progress(handle, new Uint8Array(new Float64Array(numbers).buffer)),
    ).toThrow('argument 2 must be numbers that were given before')
    addon().close(handle)
  })
})

/** A mark's bits (native/shard/replies.h). */
const [wantsOutcome, wantsResult, answered] = [0x40, 0x80, 0x10]

/** Two messages whose senders wait, which a worker has polled. */
function awaited() {
  const handle = open({ shards: 1 })
  const rows = new ArrayBuffer(2 * 32)
  const words = new Uint32Array(rows)
  words.set([0, 8, 0, wantsOutcome | (1 << 8), 1, 0])
  words.set([8, 8, 0, wantsResult | (1 << 8), 2, 0], 8)
  addon().registerStaging(handle, new Uint8Array(64), new Uint8Array(rows))
  expect(addon().append(handle, 0, 2)).toBe(2)
  const seat = addon().attach(handle, 0)
  expect(addon().poll(handle, 0, seat.attempt, 10)).toBe(2)
  const { marks, marksAt } = addon().replies(handle, 0)
  const bytes = new Uint8Array(marks, marksAt)
  const told = (): number[] => {
    const numbers = new Float64Array(5)
    numbers[0] = 1
    addon().progress(handle, new Uint8Array(numbers.buffer))
    return [...numbers.subarray(2)]
  }
  return { handle, stale: seat.attempt, marksOf: () => [bytes[1], bytes[2]], told }
}

const result = (sequence: number): Uint8Array =>
  Buffer.concat([answer(sequence, 1, 3), Buffer.from([1, 2, 3, 0, 0, 0, 0, 0])])

describe('a worker that another has taken over from', () => {
  test('tells no sender anything; its successor does, once', () => {
    const { handle, stale, marksOf, told } = awaited()
    const fresh = addon().attach(handle, 0)
    expect(fresh.redelivered).toBe(2)
    expect(() => addon().commit(handle, 0, stale, 2, noPlaces, undefined, result(2))).toThrow(
      expect.objectContaining({ code: 'SEMEL_FENCED' }),
    )
    expect(marksOf()).toEqual([wantsOutcome, wantsResult])
    // Stored up to 2; nothing has ended, and there is no answer.
    expect(told()).toEqual([2, 0, 0])

    expect(addon().poll(handle, 0, fresh.attempt, 10)).toBe(2)
    // Once more, now that the messages are in the other's hands.
    expect(() => addon().commit(handle, 0, stale, 2, noPlaces, undefined, result(2))).toThrow(
      expect.objectContaining({ code: 'SEMEL_FENCED' }),
    )
    expect(marksOf()).toEqual([wantsOutcome, wantsResult])
    expect(addon().commit(handle, 0, fresh.attempt, 2, noPlaces, undefined, result(2))).toBe(true)
    expect(marksOf()).toEqual([answered, answered | 0x08])
    expect(told()).toEqual([2, 2, 24])
    expect(() => addon().commit(handle, 0, stale, 1, noPlaces, undefined, result(2))).toThrow(
      expect.objectContaining({ code: 'SEMEL_FENCED' }),
    )
    expect(told()).toEqual([2, 2, 24])
    addon().close(handle)
  })

  test('tells nobody either once it is fenced, or buried', () => {
    for (const end of ['fence', 'bury'] as const) {
      const { handle, stale, marksOf, told } = awaited()
      addon()[end](handle, 0)
      expect(() => addon().commit(handle, 0, stale, 2, noPlaces, undefined, result(2))).toThrow(
        expect.objectContaining({ code: 'SEMEL_FENCED' }),
      )
      expect(marksOf()).toEqual([wantsOutcome, wantsResult])
      expect(told()).toEqual([2, 0, 0])
      addon().close(handle)
    }
  })
})

describe('views', () => {
  const views = ['ring', 'slots', 'marks', 'answers'] as const

  test('of a closed stream are empty, every one of them, and harmless', () => {
    const handle = open()
    const shards = [0, 1].flatMap((shard) => {
      const all = { ...addon().attach(handle, shard), ...addon().replies(handle, shard) }
      return views.map((name) => new Uint8Array(all[name]))
    })
    for (const bytes of shards) expect(bytes.length).toBeGreaterThan(0)
    addon().close(handle)
    for (const bytes of shards) {
      expect(bytes.length).toBe(0)
      bytes[0] = 1
      expect(bytes[0]).toBeUndefined()
    }
  })

  test('that only the sender has are empty as well', () => {
    const handle = open()
    const { marks, answers } = addon().replies(handle, 1)
    addon().close(handle)
    expect([marks.byteLength, answers.byteLength]).toEqual([0, 0])
  })

  // A freed ring or mark would end the process: their memory is mapped.
  test.each(['detaches', 'ends', 'is terminated', 'goes on for ever'])(
    'of another thread keep what they show, whether it %s',
    async (how) => {
      const directory = scratch()
      const { code, signal, stderr } = await startScript(`
        import { createRequire } from 'node:module'
        import { Worker } from 'node:worker_threads'
        const path = ${JSON.stringify(new URL('../../build/Release/semel.node', import.meta.url).pathname)}
        const native = createRequire(import.meta.url)(path)
        const { handle } = native.open(${JSON.stringify({ ...usual, directory })}, () => {})
        const worker = new Worker(\`
          import { createRequire } from 'node:module'
          import { parentPort, workerData } from 'node:worker_threads'
          const { path, handle, how } = workerData
          const native = createRequire(path)(path)
          const all = { ...native.attach(handle, 0), ...native.replies(handle, 0) }
          const views = ${JSON.stringify(views)}.map((name) => new Uint8Array(all[name]))
          const touch = () => {
            let sum = 0
            for (const view of views) {
              for (let at = 0; at < view.length; at += 512) view[at] = (sum += view[at])
            }
            return sum
          }
          parentPort.postMessage('ready')
          parentPort.once('message', () => {
            touch()
            if (how === 'goes on for ever') for (;;) touch()
            if (how === 'detaches') native.detach(handle)
            for (let times = 0; times < 5; times++) touch()
            parentPort.postMessage('touched')
          })
        \`, { eval: true, workerData: { path, handle, how: ${JSON.stringify(how)} } })
        worker.once('message', () => {
          native.close(handle)
          globalThis.gc?.()
          worker.once('message', () => how === 'is terminated' && worker.terminate())
          const how = ${JSON.stringify(how)}
          worker.postMessage('closed')
          if (how === 'goes on for ever') setTimeout(() => process.exit(0), 200)
        })
        worker.once('error', (error) => { throw error })
      `).ended
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    },
  )
})

test.each([
  ['shards', 2 ** 32 + 1],
  ['workers', 2 ** 32 + 1],
  ['inFlightMax', 2 ** 32 + 16],
  ['delivery', 258],
  ['durability', 257],
  ['visibility', 256],
  ['delivery', 3],
  ['maxIds', 0],
  ['parkedMax', 0],
])('open refuses %s of %d, which is no other number', (name, value) => {
  const refused = expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' })
  expect(() => open({ [name]: value })).toThrow(refused)
})

test('the error class may be anything', async () => {
  const { code, stderr } = await startScript(`
    import { createRequire } from 'node:module'
    const native = createRequire(${JSON.stringify(import.meta.url)})('../../build/Release/semel.node')
    for (const odd of [undefined, 7, null, () => {}, function () { throw new Error('mine') }, class { constructor() { return 5 } }]) {
      try { native.setErrorClass(odd) } catch {}
      for (const act of [() => native.status(99, 0), () => native.poll(1, 1, 1, 1), () => native.open(1)]) {
        let threw = false
        try { act() } catch { threw = true }
        if (!threw) throw new Error('nothing was thrown for ' + String(odd))
      }
    }`).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})
