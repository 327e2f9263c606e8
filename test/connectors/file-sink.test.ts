import { execFileSync } from 'node:child_process'
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { file, fileSinkPath } from '../../src/connectors/file/sink/sink.js'
import { RejectedOutputs, type SinkConnection } from '../../src/core/sink.js'
import { MemoryMemo } from './sink-memo.js'
import { positionAt } from 'semel/testing'

let dir: string
let path: string
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'semel-file-sink-')))
  path = join(dir, 'out.ndjson')
})
afterEach(() => rmSync(dir, { recursive: true }))

const position = positionAt(1)

async function connect(at = path, shard = 0, shards = 1): Promise<SinkConnection<unknown>> {
  return file(at).connect({ pipeline: 'test', shard, shards, epoch: 1, durability: 'disk' })
}

async function opened(at = path, place?: number): Promise<SinkConnection<unknown>> {
  const connection = await connect(at)
  await connection.rewind?.(place)
  return connection
}

async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (thrown) {
    return thrown
  }
  return expect.unreachable('nothing was thrown')
}

/** What is in a file that had this content, when one output has been written behind it. */
async function continued(content: string | Buffer): Promise<string> {
  writeFileSync(path, content)
  const connection = await opened()
  await connection.write([1], position)
  await connection.close()
  return readFileSync(path, 'utf8')
}

describe('the path of a shard', () => {
  test('is exactly the given one with one shard', () => {
    expect(fileSinkPath('/data/bars.ndjson', 0, 1)).toBe('/data/bars.ndjson')
  })

  test('has the shard before the extension with several', () => {
    expect(fileSinkPath('/data.d/bars.ndjson', 0, 2)).toBe('/data.d/bars-0.ndjson')
    expect(fileSinkPath('/data.d/bars', 11, 12)).toBe('/data.d/bars-11')
    expect(fileSinkPath('/data.d/.bars', 1, 2)).toBe('/data.d/.bars-1')
    expect(fileSinkPath('/data/bars.tar.gz', 1, 2)).toBe('/data/bars.tar-1.gz')
  })

  test('starts from the current directory at the time of opening', async () => {
    const sink = file('made/out.ndjson')
    const before = process.cwd()
    process.chdir(dir)
    try {
      const connection = await sink.connect({
        pipeline: 'test',
        shard: 1,
        shards: 2,
        epoch: 1,
        durability: 'process',
      })
      await connection.close()
    } finally {
      process.chdir(before)
    }
    expect(existsSync(join(dir, 'made/out-1.ndjson'))).toBe(true)
  })
})

describe('outputs', () => {
  test('are one JSON value a line, strings too', async () => {
    const connection = await opened()
    await connection.write(['a\nb', 1, null, { é: [true] }, Number.NaN, new Date(0)], position)
    await connection.close()
    expect(readFileSync(path, 'utf8')).toBe(
      '"a\\nb"\n1\nnull\n{"é":[true]}\nnull\n"1970-01-01T00:00:00.000Z"\n',
    )
  })

  test('that JSON has no form for are refused, each with its reason, and none is written', async () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    const throwing = {
      toJSON() {
        throw new Error('not today')
      },
    }
    const connection = await opened()
    const outputs = [1, undefined, () => {}, Symbol('s'), 10n, circle, throwing, 2]
    const thrown = await thrownBy(() => connection.write(outputs, position))
    expect(thrown).toBeInstanceOf(RejectedOutputs)
    const { rejected, written } = thrown as RejectedOutputs
    expect(written).toBe(0)
    expect([...rejected.keys()]).toEqual([1, 2, 3, 4, 5, 6])
    expect(rejected.get(1)?.message).toContain('undefined')
    expect(rejected.get(4)?.message).toContain('BigInt')
    expect(rejected.get(5)?.message).toContain('circular')
    expect(rejected.get(6)?.message).toContain('not today')
    expect(connection.place?.()).toBe(0)
    await connection.close()
    expect(statSync(path).size).toBe(0)
  })

  test('may be longer than the memory that is kept for them', async () => {
    const connection = await opened()
    const lengths = [1, 100_000, 3_000_000, 6_000_000, 2]
    for (const length of lengths) await connection.write(['é'.repeat(length)], position)
    await connection.close()
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines.slice(0, -1).map((line) => line.length - 2)).toEqual(lengths)
  })
})

describe('a file that was there before', () => {
  test('keeps its whole lines', async () => {
    expect(await continued('old\n{"a":1}\n')).toBe('old\n{"a":1}\n1\n')
  })

  test('keeps a last line without an end, whatever is in it; it gets one', async () => {
    expect(await continued('{"a":1}\n{"a":2}')).toBe('{"a":1}\n{"a":2}\n1\n')
    expect(await continued('{"a":1}\n{"a":')).toBe('{"a":1}\n{"a":\n1\n')
    expect(await continued('{"a":')).toBe('{"a":\n1\n')
    expect(await continued('total: 7 rows\r')).toBe('total: 7 rows\r\n1\n')
    const long = `"${'x'.repeat(200_000)}`
    expect(await continued(long)).toBe(`${long}\n1\n`)
  })

  test.each([
    ['a hole', Buffer.alloc(20 * 1024 * 1024)],
    ['gzip', Buffer.from('H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=', 'base64')],
    ['UTF-16', Buffer.from('\ufeff{"a":1}\n', 'utf16le')],
    ['text with a hole at its end', Buffer.concat([Buffer.from('{"a":1}\n'), Buffer.alloc(9)])],
  ])('is left alone where it is %s', async (_, content) => {
    writeFileSync(path, content)
    await expect(opened()).rejects.toMatchObject({ code: 'SEMEL_SINK' })
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  test('that is shorter than what was committed is named, with both lengths', async () => {
    writeFileSync(path, '1\n2\n')
    await expect(opened(path, 6)).rejects.toMatchObject({
      code: 'SEMEL_SINK_BEHIND',
      message: `${path} has 4 bytes, but 6 were committed to it; put the file back as it was, or open the stream with another directory to begin anew`,
    })
  })
})

describe('a path that can not be written to', () => {
  test('is a directory', async () => {
    await expect(connect(dir)).rejects.toMatchObject({ code: 'SEMEL_SINK' })
  })

  test('goes through a file', async () => {
    writeFileSync(path, '')
    await expect(connect(join(path, 'out.ndjson'))).rejects.toMatchObject({ code: 'SEMEL_SINK' })
  })

  test('is a device', async () => {
    await expect(connect('/dev/null')).rejects.toMatchObject({
      code: 'SEMEL_SINK',
      message: '/dev/null is not a regular file; name one for the sink',
    })
  })
})

describe('on a disk of 64 KiB', () => {
  let disk: string
  let mounted = false
  let why = ''
  beforeEach(() => {
    disk = join(dir, 'disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk], { stdio: 'pipe' })
      mounted = true
    } catch (thrown) {
      why = `a tmpfs can't be mounted here: ${(thrown as Error).message}`
    }
  })
  afterEach(() => {
    if (mounted) execFileSync('umount', [disk])
    mounted = false
  })

  test('a full disk is an error that may pass, and nothing comes twice', async (t) => {
    if (!mounted) return t.skip(why)
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, Buffer.alloc(40 * 1024))
    const connection = await opened(join(disk, 'out.ndjson'))
    const outputs = Array.from({ length: 3 }, (_, i) => `${i}${'x'.repeat(9_000)}`)
    await connection.write(outputs.slice(0, 1), position)
    const place = connection.place?.()
    await expect(
      thrownBy(() => connection.write(outputs.slice(1), position)),
    ).resolves.toMatchObject({
      code: 'SEMEL_NO_SPACE',
      retriable: true,
      cause: { code: 'ENOSPC' },
    })
    expect(statSync(join(disk, 'out.ndjson')).size).toBe(place)
    rmSync(ballast)
    await connection.write(outputs.slice(1), position)
    await connection.close()
    expect(readFileSync(join(disk, 'out.ndjson'), 'utf8')).toBe(
      outputs.map((output) => `${JSON.stringify(output)}\n`).join(''),
    )
  })

  test('a disk that is read-only is named as such', async (t) => {
    if (!mounted) return t.skip(why)
    execFileSync('mount', ['-o', 'remount,ro', disk])
    await expect(connect(join(disk, 'out.ndjson'))).rejects.toMatchObject({
      code: 'SEMEL_READ_ONLY',
      retriable: false,
    })
  })
})

describe('a sync', () => {
  const real = fs.fdatasync
  function replaceSync(by: (done: (error: Error | null) => void) => void): void {
    fs.fdatasync = ((_: number, done: (error: Error | null) => void) => by(done)) as typeof real
    syncBuiltinESMExports()
  }
  afterEach(() => {
    fs.fdatasync = real
    syncBuiltinESMExports()
  })

  test('that fails makes the connection fail for good, because the pages are gone', async () => {
    const connection = await opened()
    await connection.write([1], position)
    replaceSync((done) => done(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })))
    await expect(connection.flush?.()).rejects.toMatchObject({
      code: 'SEMEL_SINK',
      retriable: false,
    })
    replaceSync((done) => done(null))
    await expect(connection.flush?.()).rejects.toMatchObject({ cause: { code: 'EIO' } })
    const thrown = await thrownBy(() => connection.write([2], position))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
    await connection.close()
    expect(readFileSync(path, 'utf8')).toBe('1\n')
  })

  test('is not made where nothing was written since the last one', async () => {
    let syncs = 0
    replaceSync((done) => {
      syncs++
      done(null)
    })
    const connection = await opened()
    await connection.flush?.()
    await connection.flush?.()
    expect(syncs).toBe(1)
    await connection.write([1], position)
    await connection.flush?.()
    expect(syncs).toBe(2)
    await connection.close()
  })

  test('is waited for when the connection is closed', async () => {
    let synced = false
    replaceSync((done) => {
      setTimeout(() => {
        synced = true
        done(null)
      }, 30)
    })
    const connection = await opened()
    await connection.write([1], position)
    const flushed = connection.flush?.()
    await connection.close()
    expect(synced).toBe(true)
    await flushed
  })
})

test.each([
  [() => file(''), 'file: "" is not a path; give the file to write to'],
  [() => file(7 as never), 'file: 7 is not a path; give the file to write to'],
  [
    () => file('a', { format: 'csv' as never }),
    'file.format: there is no "csv"; there is \'ndjson\'',
  ],
  [
    () => file('a', { fromat: 1 } as never),
    'file: there is no option "fromat"; there are format, rotate',
  ],
  [() => file('a', null as never), 'file: null is not an options object; give { format, rotate }'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT', message }) as unknown as Error,
  )
})

describe('where no place is kept', () => {
  test.each([
    ['{"own":2}\n{"ow', '{"own":2}\n'],
    ['{"own":2}', ''],
    ['{"own":2}\n', '{"own":2}\n'],
    ['', ''],
  ])('a line that a kill has torn goes, and the others stay: %j', async (left, stays) => {
    const memo = new MemoryMemo()
    const context = { pipeline: 'test', shard: 0, shards: 1, epoch: 1, memo } as const
    writeFileSync(path, '{"id":1}\n')
    const killed = await file(path).connect({ ...context, durability: 'memory' })
    await killed.rewind?.(undefined)
    await killed.write([{ own: 2 }, { own: 3 }], position)
    writeFileSync(path, `{"id":1}\n${left}`)
    const next = await file(path).connect({ ...context, durability: 'memory' })
    await next.rewind?.(undefined)
    await next.write([4], position)
    await next.close()
    await killed.close()
    expect(readFileSync(path, 'utf8')).toBe(`{"id":1}\n${stays}4\n`)
  })
})

describe('where the directory knows nothing of the file but its place', () => {
  test.each([
    ['{"id":1}\n{"own":2}\n', 9, '{"id":1}\n4\n', '{"own":2}\n'],
    ['{"id":1}\n', 9, '{"id":1}\n4\n', undefined],
  ])('what is cut off %j is copied aside', async (content, place, left, copy) => {
    writeFileSync(path, content)
    const connection = await file(path).connect({
      pipeline: 'test',
      shard: 0,
      shards: 1,
      epoch: 1,
      durability: 'process',
      memo: new MemoryMemo(),
    })
    await connection.rewind?.(place)
    await connection.write([4], position)
    await connection.close()
    expect(readFileSync(path, 'utf8')).toBe(left)
    expect(existsSync(`${path}.cut-1`)).toBe(copy !== undefined)
    if (copy !== undefined) expect(readFileSync(`${path}.cut-1`, 'utf8')).toBe(copy)
  })

  test('a file in which no line ends there is another one', async () => {
    writeFileSync(path, '{"somebody":"else’s"}\n')
    await expect(opened(path, 9)).rejects.toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
    expect(readFileSync(path, 'utf8')).toBe('{"somebody":"else’s"}\n')
  })
})
