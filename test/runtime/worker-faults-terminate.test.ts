import type { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { orders } from '../fixtures/orders.js'
import { deathsOf, FaultySetting } from './faults.js'
import { pushAll, until, whileBalanced } from './verbs.js'

/** The threads that are running, as this process starts them. */
function threads(): Set<Worker> {
  const running = new Set<Worker>()
  const started = (worker: Worker): void => {
    running.add(worker)
    worker.once('exit', () => running.delete(worker))
  }
  process.on('worker', started)
  onTestFinished(() => {
    process.off('worker', started)
  })
  return running
}

/** Ends one of them, as soon as there is one. */
async function end(running: ReadonlySet<Worker>): Promise<void> {
  await until(() => running.size > 0, 'a thread')
  const alive = [...running]
  await alive[Math.floor(Math.random() * alive.length)]?.terminate()
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const sizes = [
  { shards: 1, workers: 1 },
  { shards: 4, workers: 1 },
  { shards: 4, workers: 2 },
]

describe.each(sizes)('$shards shards, $workers workers', (size) => {
  test.each(['process', 'disk'] as const)(
    'threads that are ended while they poll and commit lose nothing and do nothing twice, at %s',
    async (durability) => {
      const running = threads()
      const faulty = new FaultySetting({ delivery: 'exactly-once', ...size }, { durability })
      const stream = await faulty.open()
      const deaths = deathsOf(stream)
      const count = 18_000
      await whileBalanced(stream, async () => {
        const each = count / 6
        for (let from = 0; from < count; from += each) {
          const { processed } = stream.counters()
          const pushing = pushAll(stream, orders(from, from + each))
          // Between two deaths something is done, so that no message can be charged with them.
          await until(() => stream.counters().processed > processed, 'progress')
          await pause(Math.random() * 5)
          await end(running)
          await pushing
        }
        await stream.drain({ timeout: 20_000 })
      })
      expect(stream.counters()).toMatchObject({ processed: count, deadLettered: 0 })
      expect(deaths.length).toBeGreaterThan(0)
      faulty.expectWritten(count)
    },
  )

  test.each(['spin', 'balanced', 'park'] as const)(
    'a thread that is ended while it waits for messages (%s) is replaced',
    async (waiting) => {
      const running = threads()
      const faulty = new FaultySetting({ delivery: 'exactly-once', ...size }, { waiting })
      const stream = await faulty.open()
      const deaths = deathsOf(stream)
      for (let round = 1; round <= 3; round++) {
        await pause(20)
        await end(running)
        await until(() => deaths.length === round, 'a replacement')
      }
      await pushAll(stream, orders(0, 500))
      await stream.drain({ timeout: 20_000 })
      faulty.expectWritten(500)
    },
  )
})
