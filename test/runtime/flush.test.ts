import { join } from 'node:path'
import * as fc from 'fast-check'
import { forEach, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 8)
/** The first sync that covers what came before ends it; others may come until it looks again. */
const syncsMax = 3

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

test('flush waits for what came before it, and for nothing that comes later', async () => {
  const setting = fc.record({
    interval: fc.integer({ min: 10, max: 40 }),
    before: fc.integer({ min: 1, max: 20 }),
    flushes: fc.integer({ min: 1, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(setting, async ({ interval, before, flushes }) => {
      const stream = await opened(
        pipeline('load')
          .accepts<number>()
          .deliver('at-least-once')
          .to(forEach(() => {})),
        // So large that who pushes never waits: some message is not synced at nearly any time.
        {
          ring: '16MiB',
          segment: '16MiB',
          workers: 0,
          dir: join(scratch(), 'data'),
          durability: { interval },
        },
      )
      const durable = (): number => stream.shardCounters()[0]?.durable ?? 0
      const end = new AbortController()
      let seen = new Set<number>()
      const pushing = (async () => {
        while (!end.signal.aborted) {
          stream.push(0)
          await turn()
          seen.add(durable())
        }
      })()
      try {
        for (let flushed = 0; flushed < flushes; flushed++) {
          for (let i = 0; i < before; i++) stream.push(i)
          await turn()
          const { stored } = stream.counters()
          seen = new Set()
          await stream.flush({ timeout: 20_000 })
          expect(durable()).toBeGreaterThanOrEqual(stored)
          const covering = [...seen].filter((sequence) => sequence >= stored)
          expect(covering.length).toBeLessThanOrEqual(syncsMax)
        }
      } finally {
        end.abort()
        await pushing
        await stream.close()
      }
    }),
    { numRuns },
  )
}, 120_000)
