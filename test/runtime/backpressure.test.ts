import { join } from 'node:path'
import { forEach, pipeline, type OpenOptions } from 'semel'
import { expect, test } from 'vitest'
import { expectBalanced, fixture, opened, scratch, small, until } from './verbs.js'

interface Reading {
  readonly id: number
  readonly text: string
}

/** What the staging buffer holds at most: rows of a batch (src/runtime/door/staging.ts). */
const stagedMax = 1024
const ringBytes = 64 * 1024
/** A stored reading takes at least its text. */
const text = 'x'.repeat(64)
const ringMessagesMax = ringBytes / text.length

const under: OpenOptions[] = [
  { delivery: 'at-most-once' },
  { delivery: 'at-least-once', durability: 'process' },
  { delivery: 'at-least-once', durability: 'disk' },
]

test.each(under)('a slow sink holds the sender back under %o', async (options) => {
  const pace = { open: undefined as (() => void) | undefined }
  let written = 0
  let isSlow = true
  const slow = forEach<Reading>(async () => {
    if (isSlow) {
      await new Promise<void>((resolve) => {
        pace.open = resolve
      })
    }
    written += 1
  })
  const definition = pipeline('slow').accepts<Reading>().deliver('at-least-once').to(slow)
  const stream = await opened<Reading>(definition, {
    ...small,
    ...options,
    workers: 0,
    ...(options.durability === undefined ? {} : { dir: scratch() }),
  })
  let id = 0
  const pushUntilFull = async (): Promise<void> => {
    for (let refused = 0; refused < 20;) {
      if (stream.push({ id, text })) id += 1
      else {
        refused += 1
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
      }
      expect(id).toBeLessThan(10 * ringMessagesMax)
    }
  }
  await pushUntilFull()
  const full = id
  expect(full).toBeGreaterThan(100)
  expect(full).toBeLessThanOrEqual(ringMessagesMax + stagedMax)
  expect(stream.counters().inFlight).toBeLessThanOrEqual(ringMessagesMax)
  let isReady = false
  const ready = stream.ready().then(() => {
    isReady = true
  })
  // One message at a time: the sender waits as long as nothing is committed.
  const before = process.memoryUsage().rss
  for (let i = 0; i < 50; i++) {
    await until(() => pace.open !== undefined)
    pace.open?.()
    pace.open = undefined
    expect(isReady).toBe(false)
    expectBalanced(stream.counters())
  }
  isSlow = false
  ;(pace.open as (() => void) | undefined)?.()
  await ready
  expect(stream.push({ id, text })).toBe(true)
  await stream.drain({ timeout: 5000 })
  expect(written).toBe(full + 1)
  expect(stream.counters()).toMatchObject({ stored: full + 1, processed: full + 1 })
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
})

test.each(['push', 'send'] as const)(
  '%s waits on a full ring with workers too, and nothing is lost',
  async (how) => {
    const dir = scratch()
    const url = fixture('slow.pipeline', { ms: 1 })
    const stream = await opened<Reading>(url, {
      ...small,
      dir: join(dir, 'data'),
      durability: 'process',
      shards: 1,
      workers: 1,
    })
    const large = 'y'.repeat(4000)
    if (how === 'send') {
      const receipts = await Promise.all(
        Array.from({ length: 100 }, (_, id) => stream.send({ id, text: large })),
      )
      expect(receipts.map(({ sequence }) => sequence)).toEqual(receipts.map((_, i) => i + 1))
    } else {
      let waits = 0
      for (let id = 0; id < 600; id++) {
        while (!stream.push({ id, text: large })) {
          waits += 1
          await stream.ready()
          expectBalanced(stream.counters())
          expect(stream.counters().inFlight).toBeLessThanOrEqual(16)
        }
      }
      expect(waits).toBeGreaterThan(0)
    }
    await stream.drain({ timeout: 10_000 })
    const { stored, processed } = stream.counters()
    expect(processed).toBe(stored)
  },
)

test('a message of an eighth of the ring goes through, again and again, in a ring of any fill', async () => {
  let bytes = 0
  const stream = await opened<Reading>(
    pipeline('large')
      .accepts<Reading>()
      .deliver('at-least-once')
      .to(
        forEach((reading: Reading) => {
          bytes += reading.text.length
        }),
      ),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  let sent = 0
  for (let id = 0; id < 200; id++) {
    const length = id % 3 === 0 ? 8000 : (id * 977) % 8000
    sent += length
    while (!stream.push({ id, text: 'z'.repeat(length) })) await stream.ready()
  }
  await stream.drain({ timeout: 5000 })
  expect(bytes).toBe(sent)
})

test('what was pushed beyond the room goes in by itself when there is room', async () => {
  const stream = await opened<Reading>(fixture('slow.pipeline', { ms: 2 }), {
    ...small,
    dir: scratch(),
    durability: 'process',
    workers: 1,
  })
  const large = 'y'.repeat(4000)
  for (let id = 0; id < 15; id++) expect(stream.push({ id, text: large })).toBe(true)
  await until(() => stream.counters().stored === 15)
  for (let id = 15; id < 60; id++) expect(stream.push({ id, text: large })).toBe(true)
  await until(() => stream.counters().processed === 60)
})
