import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readlinkSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  at as offsetAt,
  forEach,
  frames,
  memory,
  memorySource,
  open,
  pipeline,
  SemelError,
  type Definition,
  type OpenOptions,
  type Sink,
  type Stream,
} from 'semel'
import { inspectDirectory } from 'semel/directory'
import { describe, expect, test } from 'vitest'
import { order, orders, type Order } from '../fixtures/orders.js'
import { fixture, opened, outputs, pushAll, scratch, small, start, startScript } from './verbs.js'

/** What JavaScript lets a caller write. */
const loosely = open as (...given: unknown[]) => Promise<Stream<unknown>>

const definition = (
  delivery: 'at-most-once' | 'at-least-once' = 'at-most-once',
): Definition<Order> => pipeline('misused').accepts<Order>().deliver(delivery).to(memory())

const exactly = (): Definition<Order> =>
  pipeline('misused')
    .accepts<Order>()
    .deliver('exactly-once', { id: (one) => one.id, window: '1h' })
    .to(memory())

/** The error is ours: its code, and a text of one line that names all of it. */
function expectError(error: unknown, code: string, ...named: (string | RegExp)[]): void {
  expect(error).toBeInstanceOf(SemelError)
  const { message, code: found } = error as SemelError
  expect(found, message).toBe(code)
  for (const part of named) expect(message).toMatch(part)
  expect(message).not.toMatch(/\n/)
}

const refusal = (opening: Promise<unknown>): Promise<unknown> =>
  opening.then(
    () => expect.unreachable('it was opened'),
    (reason: unknown) => reason,
  )

const caught = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}

/** This process's open files in a folder. */
const openFiles = (folder: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return [] // closed meanwhile
    }
  })

describe('open', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown option', { shard: 2 }, /"shard".*shards/],
    ['shards: 0', { shards: 0 }, /shards: 0 .*from 1 to 256/],
    ['shards: 257', { shards: 257 }, /shards: 257/],
    ['shards: 1.5', { shards: 1.5 }, /shards: 1\.5/],
    ["shards: '2'", { shards: '2' }, /shards: "2"/],
    ['workers: -1', { workers: -1 }, /workers: -1 .*from 0 to 256/],
    ['workers: NaN', { workers: Number.NaN }, /workers: NaN/],
    [
      'an unknown durability',
      { durability: 'ram' },
      /durability: "ram" .*'memory', 'process', 'disk'/,
    ],
    ['an interval of 0', { durability: { interval: 0 } }, /durability: /],
    ['durability: null', { durability: null, delivery: 'at-least-once' }, /dir: /],
    ['a durable at-most-once', { durability: 'disk' }, /at-most-once.*leave it out/],
    [
      'at-least-once in memory',
      { delivery: 'at-least-once', durability: 'memory' },
      /at-least-once; choose/,
    ],
    [
      'at-least-once without a directory',
      { delivery: 'at-least-once' },
      /dir: undefined .*dir: '\.\/data'/,
    ],
    ['a directory that is a number', { dir: 7 }, /dir: 7/],
    ['an unknown delivery', { delivery: 'twice' }, /delivery: "twice" .*'exactly-once'/],
    [
      'exactly-once without an id',
      { delivery: 'exactly-once', dir: '/tmp' },
      /open: exactly-once needs to know a message's copies: add/,
    ],
    ['an unknown waiting', { waiting: 'sleep' }, /waiting: "sleep" .*'park'/],
    ['a ring of no power of two', { ring: 100_000 }, /ring: 100000 .*power of two/],
    ['a ring too small', { ring: '32KiB' }, /ring: 32768/],
    ['a ring that is no size', { ring: '1 GB' }, /ring: "1 GB" is not a size.*'16MiB'/],
    ['a segment out of bounds', { segment: 5000 }, /segment: 5000 .*4 KiB/],
    ['parkedMax: 0', { parkedMax: 0 }, /parkedMax: 0/],
    ['inFlightMax: 100', { inFlightMax: 100 }, /inFlightMax: 100 .*power of two/],
    ['groupPauseUs: -1', { groupPauseUs: -1 }, /groupPauseUs: -1/],
    ['heartbeat: 99', { heartbeat: 99 }, /heartbeat: 99 .*'100ms' to '24h', or 0 for none/],
    ["heartbeat: '25h'", { heartbeat: '25h' }, /heartbeat: "25h" is out of bounds/],
    ['a heartbeat that is no duration', { heartbeat: false }, /heartbeat: false is not a duration/],
    ['workerMemory: 0', { workerMemory: 0 }, /workerMemory: 0 .*'32MiB'/],
    ["workerMemory: '1MiB'", { workerMemory: '1MiB' }, /workerMemory: "1MiB" is out of bounds/],
  ])('refuses %s', async (_, options, named) => {
    expectError(
      await refusal(loosely(definition(), { workers: 0, ...options })),
      'SEMEL_INVALID_ARGUMENT',
      named,
    )
  })

  test.each([[7], ['options'], [null], [[]]])('refuses %o as options', async (options) => {
    expectError(
      await refusal(loosely(definition(), options)),
      'SEMEL_INVALID_ARGUMENT',
      /open: .*options/,
    )
  })

  test.each<[string, unknown, string, RegExp]>([
    ['nothing', undefined, 'SEMEL_INVALID_ARGUMENT', /undefined is not a pipeline/],
    ['a number', 7, 'SEMEL_INVALID_ARGUMENT', /7 is not a pipeline/],
    ['null', null, 'SEMEL_INVALID_ARGUMENT', /null is not a pipeline/],
    [
      'a pipeline without a sink',
      pipeline('half').accepts().deliver('at-most-once'),
      'SEMEL_INVALID_ARGUMENT',
      /half has no sink: end it with \.to/,
    ],
    [
      'a missing module',
      './nowhere.js',
      'SEMEL_MODULE',
      /there is no module .*nowhere\.js; give the path/,
    ],
    ['an empty path', '', 'SEMEL_MODULE', /module/],
    [
      'a module without a default export',
      fixture('orders'),
      'SEMEL_INVALID_ARGUMENT',
      /undefined is not a pipeline; .*export as default/,
    ],
    [
      'a module that throws',
      fixture('orders.pipeline'),
      'SEMEL_MODULE',
      /can't be imported: the test has to give to/,
    ],
    [
      'a module that is no JavaScript',
      new URL('../../README.md', import.meta.url),
      'SEMEL_MODULE',
      /module/,
    ],
    ['a module of a package that is missing', 'node:nothing', 'SEMEL_MODULE', /node:nothing/],
  ])('refuses %s', async (_, given, code, named) => {
    expectError(await refusal(loosely(given, { workers: 0 })), code, named)
  })

  test('exactly-once refuses a transactional sink that has nothing to be asked by', async () => {
    const sink: Sink<unknown, 'transactional'> = {
      name: 'ledger',
      kind: 'transactional',
      connect: () => ({ write: () => {}, close: () => {} }),
    }
    const ledger = pipeline('ledger')
      .accepts<Order>()
      .deliver('exactly-once', { id: (one) => one.id, window: '1h' })
      .to(sink)
    expectError(
      await refusal(open(ledger, kept(scratch()))),
      'SEMEL_SINK',
      /the sink ledger.*whose begin is no function/,
    )
  })

  test('exactly-once refuses a repeatable sink of a definition that another library has made', async () => {
    const key = Symbol.for('semel.pipeline')
    const { [key]: graph } = exactly() as unknown as Record<symbol, object>
    const sink = forEach(() => {}, { name: 'store' })
    const made = { ...graph, sinks: [{ label: '0', takes: 'outputs', sink }] }
    const foreign = { name: 'misused', [key]: made } as unknown as Definition<Order>
    expectError(
      await refusal(open(foreign, kept(scratch()))),
      'SEMEL_INVALID_ARGUMENT',
      'open: the sink store is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
    )
  })

  test('refuses a definition for worker threads', async () => {
    expectError(
      await refusal(open(definition(), { workers: 1 })),
      'SEMEL_INVALID_ARGUMENT',
      /URL of the module .*workers: 0/,
    )
  })

  test('refuses a sink that does not connect, and lets go of the directory', async () => {
    const dir = scratch()
    const failing = {
      name: 'failing',
      kind: 'idempotent' as const,
      connect: () => Promise.reject(new Error('nobody answers')),
    }
    const at = pipeline('misused').accepts<Order>().deliver('at-least-once').to(failing)
    const error = await refusal(open(at, { ...small, dir, workers: 0 }))
    expect(String(error)).toMatch(/nobody answers/)
    expect(inspectDirectory(dir).holder).toBe(0)
  })

  test.each([0, 2])(
    'closes what it had connected where a later shard can’t be; %i workers',
    async (workers) => {
      const dir = scratch()
      const to = join(dir, 'out.ndjson')
      const options = {
        ...small,
        dir: join(dir, 'data'),
        durability: 'process',
        workers,
        shards: 2,
      } as const
      const url = fixture('orders.pipeline', { to, delivery: 'exactly-once', how: 'sync' })
      const stream = await opened<Order>(url, options)
      await pushAll(stream, orders(0, 50))
      await stream.close()
      const kept = readFileSync(join(dir, 'out-1.ndjson'))
      writeFileSync(join(dir, 'out-1.ndjson'), '')
      expectError(await refusal(open(url, options)), 'SEMEL_SINK_BEHIND', /out-1\.ndjson/)
      expect(inspectDirectory(options.dir).holder).toBe(0)
      expect(openFiles(dir)).toEqual([])
      writeFileSync(join(dir, 'out-1.ndjson'), kept)
      const again = await opened<Order>(url, options)
      await again.drain({ timeout: 5000 })
      await again.close()
      expect(outputs(to, 2)).toHaveLength(50)
    },
  )
})

const kept = (dir: string, more: OpenOptions = {}): OpenOptions => ({
  ...small,
  dir,
  workers: 0,
  durability: 'process',
  ...more,
})

describe('a directory', () => {
  test('is refused to a second stream, in this process and from another, naming the holder', async () => {
    const dir = scratch()
    await opened(exactly(), kept(dir))
    const named = [
      new RegExp(`pid ${process.pid}\\b`),
      /close that stream, or open another directory/,
    ] as const
    expectError(await refusal(open(exactly(), kept(dir))), 'SEMEL_LOCKED', dir, ...named)
    const { code, stdout } = await startScript(`
      import { memory, open, pipeline } from 'semel'
      const definition = pipeline('misused').accepts()
        .deliver('exactly-once', { id: ({ id }) => id, window: '1h' }).to(memory())
      try {
        await open(definition, ${JSON.stringify(kept(dir))})
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message }))
      }`).ended
    expect(code).toBe(0)
    const told = JSON.parse(stdout) as { code: string; message: string }
    expect(told.code).toBe('SEMEL_LOCKED')
    for (const part of named) expect(told.message).toMatch(part)
    expect(inspectDirectory(dir).holder).toBe(process.pid)
  })

  test.each<[string, Definition<Order>, OpenOptions, RegExp]>([
    ['another number of shards', exactly(), { shards: 2 }, /shards 1, not 2/],
    [
      'another delivery',
      exactly(),
      { delivery: 'at-least-once' },
      /delivery exactly-once, not at-least-once/,
    ],
    ['another ring', exactly(), { ring: '128KiB' }, /ring 65536, not 131072/],
    [
      'another pipeline',
      pipeline('other')
        .accepts<Order>()
        .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
        .to(memory()),
      {},
      /pipeline misused, not other/,
    ],
  ])('is refused to %s', async (_, other, options, named) => {
    const dir = scratch()
    await (await open(exactly(), kept(dir))).close()
    expectError(
      await refusal(open(other, kept(dir, options))),
      'SEMEL_MISMATCH',
      named,
      /open it so, or use another directory/,
    )
    await (await open(exactly(), kept(dir))).close()
  })

  test('of another format is refused, with both numbers', async () => {
    const dir = scratch()
    await (await open(exactly(), kept(dir))).close()
    const path = join(dir, 'stream')
    const bytes = readFileSync(path)
    bytes.writeUInt32LE(3, 8)
    writeFileSync(path, bytes)
    const named = [
      /format 3, this version reads 1 to 2/,
      /drain it with the version that made it/,
    ] as const
    expectError(await refusal(open(exactly(), kept(dir))), 'SEMEL_FORMAT', ...named)
    expectError(
      caught(() => inspectDirectory(dir)),
      'SEMEL_FORMAT',
      ...named,
    )
  })

  test('whose manifest is damaged is refused, with file and offset', async () => {
    const dir = scratch()
    await (await open(exactly(), kept(dir))).close()
    const path = join(dir, 'stream')
    const bytes = readFileSync(path)
    bytes[80] = (bytes[80] as number) ^ 1
    writeFileSync(path, bytes)
    expectError(await refusal(open(exactly(), kept(dir))), 'SEMEL_DAMAGED', /stream at offset 156/)
  })

  test('that can’t be made is refused', async () => {
    const file = join(scratch(), 'file')
    writeFileSync(file, '')
    const error = await refusal(open(exactly(), kept(join(file, 'inside'))))
    expectError(error, 'SEMEL_IO', /inside/, /Not a directory/)
    expectError(await refusal(open(exactly(), kept(file))), 'SEMEL_IO', /Not a directory/)
  })

  test('that holds no stream can’t be inspected', () => {
    expectError(
      caught(() => inspectDirectory(scratch())),
      'SEMEL_FORMAT',
      /holds no stream/,
    )
    expectError(
      caught(() => inspectDirectory('/nowhere/at/all')),
      'SEMEL_FORMAT',
      /holds no stream/,
    )
    expectError(
      caught(() => inspectDirectory(7 as never)),
      'SEMEL_INVALID_ARGUMENT',
      /string/,
    )
    expectError(
      caught(() => inspectDirectory('a\0b')),
      'SEMEL_FORMAT',
    )
  })
})

/** A script that runs in a file system of its own. */
function mounted(size: string, script: string) {
  const dir = scratch()
  chmodSync(dir, 0o755)
  return start('unshare', [
    '--mount',
    'sh',
    '-c',
    `mount -t tmpfs -o size=${size} none ${dir} && cd ${process.cwd()} && DIR=${dir} && export DIR && ${script}`,
  ])
}

const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs none /mnt'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
})()

const program = (body: string): string => {
  const text = `
    import { file, open, pipeline } from 'semel'
import { inspectDirectory } from 'semel/directory'
    import { execFileSync } from 'node:child_process'
    import { readFileSync, rmSync } from 'node:fs'
    const dir = process.env.DIR
    const definition = pipeline('full').accepts()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' }).to(file(dir + '/out/out.ndjson'))
    const options = { dir: dir + '/data', workers: 0, ring: '64KiB', segment: '1MiB' }
    const failure = async (act) => { try { await act(); return 'none' } catch ({ code, message }) { return { code, message } } }
    ${body}`
  return `${process.execPath} --input-type=module --eval '${text.replaceAll("'", "'\\''")}'`
}

describe('a file system', () => {
  test('that is read-only: the directory can’t be opened, but inspected', async (t) => {
    if (!canMount)
      return t.skip('root ignores permissions, and mounting needs root: unshare --mount failed')
    const { code, stdout, stderr } = await mounted(
      '64m',
      `${program('await (await open(definition, options)).close()')} && mount -o remount,ro $DIR && ${program(`
        const refused = await failure(() => open(definition, options))
        console.log(JSON.stringify({ refused, name: inspectDirectory(options.dir).name }))`)}`,
    ).ended
    expect(code, stderr).toBe(0)
    const { refused, name } = JSON.parse(stdout) as { refused: SemelError; name: string }
    expect(refused).toMatchObject({ code: 'SEMEL_READ_ONLY' })
    expect(refused.message).toMatch(/data.*Read-only file system/)
    expect(name).toBe('full')
  })

  test('that is too small for a stream: an error with its code, and no ruin', async (t) => {
    if (!canMount) return t.skip('mounting needs root: unshare --mount failed')
    const { code, stdout, stderr } = await mounted(
      '1m',
      program(`
        const refused = await failure(() => open(definition, options))
        console.log(JSON.stringify(refused))
        execFileSync('mount', ['-o', 'remount,size=64m', dir])
        const stream = await open(definition, options)
        await stream.send({ id: 1 })
        await stream.close()`),
    ).ended
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'SEMEL_NO_SPACE',
      message: expect.stringMatching(/No space left/),
    })
  })

  // Mounting needs root and namespaces (see above for the reason that is shown).
  test.skipIf(!canMount).each(['process', 'disk'])(
    'that fills up under a stream at %s: what has a receipt is there after reopening',
    async (durability) => {
      const { code, stdout, stderr } = await mounted(
        '12m',
        program(`
        options.durability = '${durability}'
        let stream = await open(definition, options)
        let failed
        stream.on('failed', (error) => { failed = error.code })
        stream.on('sink-failed', () => {})
        const filler = dir + '/filler'
        await stream.send({ id: 0 })
        try { execFileSync('sh', ['-c', 'dd if=/dev/zero of=' + filler + ' bs=64k count=400 2>/dev/null']) } catch {}
        const receipts = new Set([0])
        let refused
        for (let id = 1; id < 60000 && refused === undefined; id += 100) {
          await Promise.all(Array.from({ length: 100 }, async (_, i) => {
            const text = 'x'.repeat(200)
            await stream.send({ id: id + i, text }, { timeout: 3000 }).then(() => receipts.add(id + i), (error) => { refused ??= error })
          }))
        }
        await stream.close({ timeout: 100 }).catch(() => {})
        rmSync(filler)
        execFileSync('mount', ['-o', 'remount,size=64m', dir])
        stream = await open(definition, options)
        await stream.drain({ timeout: 5000 })
        await stream.close()
        const ids = readFileSync(dir + '/out/out.ndjson', 'utf8').split('\\n').slice(0, -1).map((line) => JSON.parse(line).id)
        const found = new Set(ids)
        console.log(JSON.stringify({
          refused: refused?.code, failed, receipts: receipts.size,
          lost: [...receipts].filter((id) => !found.has(id)).length, repeated: ids.length - found.size,
        }))`),
      ).ended
      expect(code, stderr).toBe(0)
      const told = JSON.parse(stdout) as Record<string, unknown>
      expect(told).toMatchObject({ lost: 0, repeated: 0 })
      expect(['SEMEL_NO_SPACE', 'SEMEL_POISONED', 'SEMEL_ACK_TIMEOUT']).toContain(told['refused'])
    },
    20_000,
  )
})

async function openOne(more: OpenOptions = {}): Promise<Stream<Order>> {
  return opened(exactly(), {
    ...small,
    dir: scratch(),
    durability: 'process',
    workers: 0,
    ...more,
  })
}

describe('a stream', () => {
  const large = { ...order(0), text: 'x'.repeat(9000) }
  const circle: Record<string, unknown> = { id: 1, key: 'a' }
  circle['self'] = circle

  test.each<[string, unknown, string, RegExp]>([
    [
      'a message over an eighth of the ring',
      large,
      'SEMEL_TOO_LARGE',
      /over the limit of \d+ .*larger ring/,
    ],
    [
      'an id that is a fraction',
      { id: 1.5 },
      'SEMEL_INVALID_ARGUMENT',
      /id: 1\.5 is no id; return a string/,
    ],
    ['an id that is an object', { id: {} }, 'SEMEL_INVALID_ARGUMENT', /id: .* is no id/],
    ['an id that is null', { id: null }, 'SEMEL_INVALID_ARGUMENT', /id: null is no id/],
    ['an id that is missing', { key: 'a' }, 'SEMEL_INVALID_ARGUMENT', /id: undefined is no id/],
    [
      'an id over 64 bits',
      { id: 2n ** 64n },
      'SEMEL_INVALID_ARGUMENT',
      /message: .* can't be encoded|is no id/,
    ],
  ])('refuses %s, and goes on', async (_, message, code, named) => {
    const one = await openOne()
    expectError(
      caught(() => one.push(message as Order)),
      code,
      named,
    )
    expectError(await refusal(one.send(message as Order)), code, named)
    await pushAll(one, orders(0, 3))
    await one.drain()
    expect(one.counters()).toMatchObject({ stored: 3, processed: 3 })
  })

  test.each<[string, unknown]>([
    ['a function', { id: 1, key: 'a', f: () => {} }],
    ['a symbol', { id: 2, key: 'a', s: Symbol('s') }],
    ['a circle', circle],
    ['undefined', undefined],
    ['null', null],
    ['a bigint over 64 bits', { id: 3, key: 'a', big: 2n ** 80n }],
    [
      'a getter that throws',
      {
        id: 4,
        get key() {
          throw new Error('no key')
        },
      },
    ],
  ])('takes %s or refuses it with an error, and goes on', async (_, message) => {
    const one = await openOne()
    let taken = 0
    try {
      if (one.push(message as Order)) taken = 1
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
    }
    await pushAll(one, orders(10, 13))
    await one.drain()
    expect(one.counters()).toMatchObject({ stored: 3 + taken })
    await one.close()
  })

  test('refuses everything once it is closed, and answers twice to close', async () => {
    const one = await openOne()
    await pushAll(one, orders(0, 3))
    await one.close()
    await one.close()
    const calls = [
      () => one.push(order(1)),
      () => one.pushFrames(new Uint8Array(8)),
      () => one.send(order(1)),
      () => one.consume(memorySource(orders(0, 3))),
      () => one.ready(),
      () => one.drain(),
    ]
    for (const call of calls) {
      const error = await Promise.resolve()
        .then<unknown>(call)
        .then(
          () => String(call),
          (reason: unknown) => reason,
        )
      expectError(error, 'SEMEL_CLOSED', /open it again/)
    }
    expect(one.counters()).toMatchObject({ stored: 3, processed: 3 })
  })

  test('refuses frames where it takes objects, and broken ones where it takes frames', async () => {
    const objects = await openOne()
    expectError(
      caught(() => objects.pushFrames(new Uint8Array(8))),
      'SEMEL_INVALID_ARGUMENT',
      /takes objects; use push/,
    )
    expectError(
      caught(() => objects.pushFrames('bytes' as never)),
      'SEMEL_INVALID_ARGUMENT',
    )
    const raw = await opened(
      pipeline('raw')
        .accepts(frames({ size: 16 }))
        .deliver('at-least-once', { id: offsetAt(0), window: '1h' })
        .to(forEach(() => {})),
      { ...small, dir: scratch(), durability: 'process', workers: 0 },
    )
    expectError(
      caught(() => raw.pushFrames(new Uint8Array(17))),
      'SEMEL_INVALID_ARGUMENT',
      /17 bytes .*frames of 16/,
    )
    for (const wrong of [
      undefined,
      null,
      7,
      'text',
      {},
      [1, 2],
      new Uint16Array(8),
      new ArrayBuffer(16),
    ]) {
      expectError(
        caught(() => raw.pushFrames(wrong as never)),
        'SEMEL_INVALID_ARGUMENT',
        /Uint8Array/,
      )
      expectError(
        caught(() => raw.push(wrong as never)),
        'SEMEL_INVALID_ARGUMENT',
        /Uint8Array of 16 bytes/,
      )
    }
    expectError(
      caught(() => raw.push(new Uint8Array(15))),
      'SEMEL_INVALID_ARGUMENT',
      /16 bytes/,
    )
    expect(raw.pushFrames(new Uint8Array(0))).toBe(0)
    const bytes = new Uint8Array(48)
    bytes[0] = 1
    bytes[16] = 2
    bytes[32] = 1
    expect(raw.pushFrames(bytes)).toBe(3)
    await raw.drain()
    expect(raw.counters()).toMatchObject({ processed: 2, duplicate: 1 })
  })

  test('takes no options that are none', async () => {
    const one = await openOne()
    for (const wrong of [
      7,
      'soon',
      { timeout: 'soon' },
      { timeout: -1 },
      { timeout: Number.NaN },
      { signal: {} },
      { after: 5 },
    ]) {
      const error = await Promise.resolve()
        .then(() => one.send(order(1), wrong as never))
        .catch((reason: unknown) => reason)
      expectError(error, 'SEMEL_INVALID_ARGUMENT')
      expectError(
        await Promise.resolve()
          .then(() => one.drain(wrong as never))
          .catch((reason: unknown) => reason),
        'SEMEL_INVALID_ARGUMENT',
      )
    }
    for (const wrong of [undefined, null, 7, {}, { read: 1 }, orders(0, 3)]) {
      const error = await Promise.resolve()
        .then(() => one.consume(wrong as never))
        .catch((reason: unknown) => reason)
      expectError(error, 'SEMEL_INVALID_ARGUMENT', /consume/)
    }
    for (const wrong of [7, { timeout: 'soon' }, { timeout: -1 }]) {
      expectError(
        await Promise.resolve()
          .then(() => one.close(wrong as never))
          .catch((reason: unknown) => reason),
        'SEMEL_INVALID_ARGUMENT',
      )
    }
    await one.send(order(1))
    await one.close()
  })

  test('gives up waiting when it is told, and says that the outcome is unknown', async () => {
    let release: (() => void) | undefined
    const one = await opened(
      pipeline('waits')
        .accepts<Order>()
        .deliver('at-least-once')
        .to(
          forEach(
            () =>
              new Promise<void>((resolve) => {
                release = resolve
              }),
          ),
        ),
      { ...small, dir: scratch(), durability: 'process', workers: 0 },
    )
    while (one.push(order(0))) await Promise.resolve()
    expectError(
      await refusal(one.send(order(0), { timeout: 5 })),
      'SEMEL_ACK_TIMEOUT',
      /^no room for the message within 5 ms: it is not stored, and may be sent again$/,
    )
    const aborted = new AbortController()
    const reason = new Error('enough')
    const sending = one.send(order(0), { signal: aborted.signal })
    aborted.abort(reason)
    expect(await refusal(sending)).toBe(reason)
    expect(await refusal(one.send(order(0), { signal: aborted.signal }))).toBe(reason)
    expectError(await refusal(one.drain({ timeout: 5 })), 'SEMEL_TIMEOUT', /still in flight/)
    expect(await refusal(one.drain({ signal: aborted.signal }))).toBe(reason)
    release?.()
    await one.close({ timeout: 0 })
  })
})
