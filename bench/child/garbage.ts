/** What each of a message's threads allocates in JavaScript, from its sender to its commit. */
import { join } from 'node:path'
import { open, type Delivery } from 'semel'
import { answer, tradesSample } from 'semel/measure'
import { Allocations } from '../garbage/allocations.js'
import type { Place } from '../garbage/places.js'
import { RemoteAllocations } from '../garbage/remote.js'

export interface GarbageTask {
  readonly isRaw: boolean
  readonly delivery: Delivery
  readonly messages: number
}

export interface Garbage {
  readonly sender: readonly Place[]
  readonly worker: readonly Place[]
}

const frameBytes = 64
const framesPerBlock = 512

await answer<GarbageTask & { dir: string }>(
  async ({ dir, isRaw, delivery, messages }): Promise<Garbage> => {
    const module = new URL('../pipelines/garbage.pipeline.js', import.meta.url)
    if (isRaw) module.searchParams.set('raw', '')
    const keeps = delivery !== 'at-most-once'
    const stream = await open<never>(module, {
      delivery,
      ...(keeps ? { dir: join(dir, 'data'), durability: 'process' } : {}),
    })
    const push = isRaw ? pushFrames : pushTrades
    let sent = 0
    // Twice, so that what is optimised late is optimised.
    for (let i = 0; i < 2; i++) {
      await push(sent, messages)
      sent += messages
      await stream.drain()
    }
    const here = new Allocations()
    const there = new RemoteAllocations()
    await there.begin()
    here.begin()
    await push(sent, messages)
    await stream.drain()
    const sender = here.end()
    const worker = await there.end()
    await stream.close()
    return { sender, worker }

    /** Each with an id of its own, which is a small integer and so no object. */
    async function pushTrades(from: number, count: number): Promise<void> {
      const trades = tradesSample()
      for (let i = 0; i < count; i++) {
        const trade = trades[i % trades.length] as { id: number }
        trade.id = from + i + 1
        while (!stream.push(trade as never)) await stream.ready()
      }
    }

    async function pushFrames(from: number, count: number): Promise<void> {
      const block = new Uint8Array(framesPerBlock * frameBytes)
      const view = new DataView(block.buffer)
      for (let taken = 0; taken < count;) {
        const bytes = Math.min(framesPerBlock, count - taken) * frameBytes
        for (let at = 0; at < bytes; at += frameBytes) {
          view.setUint32(at, from + taken + at / frameBytes + 1, true)
        }
        for (let pushed = 0; pushed < bytes;) {
          pushed += stream.pushFrames(block.subarray(pushed, bytes)) * frameBytes
          if (pushed < bytes) await stream.ready()
        }
        taken += bytes / frameBytes
      }
    }
  },
)
