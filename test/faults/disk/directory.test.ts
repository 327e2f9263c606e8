import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { open, type Definition } from 'semel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fixture, levels, next, noMount, scratch, Setting, small, type Told } from './verbs.js'

const again = '; nothing is acknowledged until the stream is opened again'

const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

/** Why no other user can be taken here; undefined where one can. */
const noOther = ((): string | undefined => {
  const tried = spawnSync('setpriv', [...asNobody.slice(1), 'true'], { encoding: 'utf8' })
  if (tried.status === 0) return undefined
  return `running as another user needs root: ${tried.error?.message ?? tried.stderr.trim()}`
})()

describe('a directory that can be none', () => {
  test('is a file, or lies below one', async () => {
    const path = join(scratch(), 'file')
    writeFileSync(path, 'x')
    await expect(new Setting({ data: path, to: `${path}.out` }).open()).rejects.toMatchObject({
      code: 'SEMEL_IO',
      message: `cannot make the directory ${path}: Not a directory; give the path of a directory`,
    })
    const below = join(path, 'data')
    await expect(new Setting({ data: below, to: `${path}.out` }).open()).rejects.toMatchObject({
      code: 'SEMEL_IO',
      message: `cannot make the directory ${below}: Not a directory; give the path of a directory`,
    })
  })

  test.skipIf(noMount !== undefined)('may only be read', async () => {
    const under = new Setting({})
    const parent = dirname(under.data)
    await (await under.open()).close()
    execFileSync('mount', ['--bind', parent, parent])
    onTestFinished(() => void spawnSync('umount', ['-l', parent]))
    execFileSync('mount', ['-o', 'remount,ro,bind', parent])
    await expect(under.open()).rejects.toMatchObject({
      code: 'SEMEL_READ_ONLY',
      message: `cannot open ${under.data}/lock: Read-only file system; let this user write to it, or give another directory`,
    })
    const fresh = join(parent, 'fresh')
    await expect(new Setting({ data: fresh, to: under.to }).open()).rejects.toMatchObject({
      code: 'SEMEL_READ_ONLY',
      message: `cannot make the directory ${fresh}: Read-only file system; let this user write to it, or give another directory`,
    })
    await expect(
      new Setting({ data: join(scratch(), 'data'), to: under.to, shards: 1 }).open(),
    ).rejects.toMatchObject({
      code: 'SEMEL_READ_ONLY',
      message: expect.stringMatching(
        /^can't open \S+\/out.ndjson: EROFS: .*; let this user write to it, or give the sink another path$/,
      ),
    })
  })

  test.skipIf(noOther !== undefined)('belongs to another user', async () => {
    const under = new Setting({})
    chmodSync(dirname(under.data), 0o755)
    const fresh = await under.ended(under.send({ count: 1 }, asNobody))
    expect(fresh.errors.refused).toMatchObject({
      code: 'SEMEL_READ_ONLY',
      message: `cannot make the directory ${under.data}: Permission denied; let this user write to it, or give another directory`,
    })
    await (await under.open()).close()
    const existing = await under.ended(under.send({ count: 1 }, asNobody))
    expect(existing.errors.refused).toMatchObject({
      code: 'SEMEL_READ_ONLY',
      message: `cannot open ${under.data}/lock: Permission denied; let this user write to it, or give another directory`,
    })
    await under.expectNothingLost()
  })
})

describe.each(levels)(
  'under a stream that is open at %s with %d workers',
  (durability, workers) => {
    type Act = (data: string) => void
    const acts: [string, Act, (data: string) => string | RegExp][] = [
      [
        'the directory is deleted',
        (data) => rmSync(data, { recursive: true }),
        // Its files go one after another, and the first that is missed is named.
        (data) => new RegExp(`^${data}.* was deleted .*while the stream had it open; .*${again}$`),
      ],
      [
        'the directory is moved away',
        (data) => renameSync(data, `${data}.moved`),
        (data) =>
          `${data} can no longer be found (No such file or directory): it was deleted or moved while the stream had it open; put it back${again}`,
      ],
      [
        'the directory is replaced',
        (data) => {
          mkdirSync(`${data}.other`)
          renameSync(data, `${data}.moved`)
          renameSync(`${data}.other`, data)
        },
        (data) =>
          `${data} is another directory now than the one that the stream had opened; put that one back${again}`,
      ],
      ...(['journal', 'ack-0000000000000001.log', 'dead-letters.log'] as const).map(
        (file): [string, Act, (data: string) => string] => [
          `its ${file} is deleted`,
          (data) => rmSync(join(data, 'shard-1', file)),
          (data) =>
            `${data}/shard-1/${file} was deleted while the stream had it open; restore the stream's directory from a copy${again}`,
        ],
      ),
      [
        'its journal is cut',
        // The stream rests: a store into a mapping beyond the end would be a signal.
        (data) => truncateSync(join(data, 'shard-1', 'journal'), 8192),
        (data) =>
          `${data}/shard-1/journal was cut to 8192 of 69632 bytes while the stream had it open; restore the stream's directory from a copy${again}`,
      ],
    ]

    test.each(acts)('%s: it ends', async (_, act, message) => {
      const under = new Setting({ durability, workers })
      const stream = await under.open()
      onTestFinished(() => stream.close({ timeout: 0 }).catch(() => {}))
      await Promise.all([1, 2, 3, 4].map((id) => stream.send({ id, key: `key${id}`, pad: '' })))
      await stream.drain()
      const failed = next<Told>(stream, 'failed')
      act(under.data)
      const error = await failed
      expect(error).toMatchObject({ name: 'SemelError', code: 'SEMEL_POISONED' })
      const expected = message(under.data)
      if (typeof expected === 'string') expect(error.message).toBe(expected)
      else expect(error.message).toMatch(expected)
      await expect(stream.send({ id: 5, key: 'key5', pad: '' })).rejects.toBe(error)
      await stream.close().catch(() => {})
    })

    test('a directory that takes its place is left alone', async () => {
      const under = new Setting({ durability, workers })
      const first = await under.open()
      onTestFinished(() => first.close({ timeout: 0 }).catch(() => {}))
      await first.send({ id: 1, key: 'key1', pad: '' })
      const failed = next(first, 'failed')
      renameSync(under.data, `${under.data}.moved`)
      const second = await new Setting({ data: under.data, to: `${under.to}.second` }).open()
      onTestFinished(() => second.close({ timeout: 0 }).catch(() => {}))
      await failed
      const files = readdirSync(under.data, { recursive: true }).toSorted()
      await first.close().catch(() => {})
      expect(readdirSync(under.data, { recursive: true }).toSorted()).toEqual(files)
      await second.send({ id: 1, key: 'key1', pad: '' })
      await second.close()
    })
  },
)

test('a stream keeps its directory when the program goes to another', async () => {
  const from = scratch()
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  process.chdir(from)
  const url = fixture('faults/disk.pipeline', {
    to: join(from, 'out.ndjson'),
    fails: 2,
    attempts: 2,
  })
  const stream = await open<object>(url as unknown as Definition<object>, {
    ...small,
    dir: 'data',
    workers: 0,
    durability: 'process',
  })
  process.chdir(scratch())
  // Segments are made by path: the parked payloads fill several.
  for (let id = 0; id < 1200; id += 8) {
    const burst = Array.from({ length: 8 }, (_, i) => ({
      id: id + i,
      key: `key${i}`,
      pad: 'x'.repeat(4000),
    }))
    await Promise.all(burst.map((parcel) => stream.send(parcel)))
  }
  await stream.drain()
  await stream.close()
  expect(readdirSync(join(from, 'data', 'shard-0'))).toContain('ack-0000000000000003.log')
})
