import { frames, memory, pipeline, type StageTimes } from 'semel'
import { describe, expect, test } from 'vitest'
import { moves } from '../fixtures/moves.js'
import { inline } from './classed.js'
import { opened, pushAll, scratch, small } from './verbs.js'

const orders = pipeline('orders')
  .accepts<{ id: number }>()
  .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
  .map(({ id }) => id * 2)
  .to(memory())

const numbered = (count: number) => Array.from({ length: count }, (_, id) => ({ id }))

const inlineAtProcess = () =>
  ({ ...small, dir: scratch(), durability: 'process', workers: 0 }) as const

function workerNs({ worker }: StageTimes): number {
  return worker.poll + worker.index + worker.handle + worker.commit + worker.log
}

describe('the stages of a stream', () => {
  test('are all counted, and are no more than the time that has passed', async () => {
    const beganMs = performance.now()
    const stream = await opened(orders, inlineAtProcess())
    await pushAll(stream, numbered(5000))
    await stream.drain()
    const stages = stream.stages()
    const passedNs = 1e6 * (performance.now() - beganMs)
    expect(stages.sender.messages).toBe(5000)
    expect(stages.worker.messages).toBe(5000)
    for (const [stage, ns] of Object.entries({ ...stages.sender, ...stages.worker })) {
      expect(ns, stage).toBeGreaterThan(0)
    }
    expect(stages.sender.append + workerNs(stages)).toBeLessThanOrEqual(1.001 * passedNs)
  })

  test('do not grow while nothing comes', async () => {
    const stream = await opened(orders, inlineAtProcess())
    await pushAll(stream, numbered(10))
    await stream.drain()
    const before = workerNs(stream.stages())
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
    // In another unit of the counter's, by a hair.
    expect(workerNs(stream.stages()) / before).toBeCloseTo(1, 2)
  })

  test('have no index and no log where the stream has none', async () => {
    const stream = await opened(
      pipeline('raw')
        .accepts(frames({ size: 16 }))
        .deliver('at-most-once')
        .map((frame) => frame.u64(0))
        .to(memory()),
      { ...small, workers: 0 },
    )
    expect(stream.pushFrames(new Uint8Array(160))).toBe(10)
    await stream.drain()
    const { sender, worker } = stream.stages()
    expect(sender.messages).toBe(10)
    expect(worker).toMatchObject({ messages: 10, index: 0, log: 0 })
  })

  test('stand as they are once it is closed', async () => {
    const stream = await opened(orders, inlineAtProcess())
    await pushAll(stream, numbered(10))
    await stream.close()
    const last = stream.stages()
    expect(last.worker.messages).toBe(10)
    expect(stream.stages()).toEqual(last)
  })

  test('are those of its classes together', async () => {
    const { stream } = await inline()
    for (const move of moves(0, 30)) stream.push(move)
    await stream.drain()
    const classes = stream.classes.map((one) => one.stages().worker.messages)
    expect(classes).toEqual([10, 20])
    expect(stream.stages()).toMatchObject({ sender: { messages: 30 }, worker: { messages: 30 } })
  })
})
