import { isMainThread } from 'node:worker_threads'
import { at, forEach, frames, pipeline, type Frame } from 'semel'
import type { Trade } from 'semel/measure'
import { listen } from '../garbage/remote.js'

const isRaw = new URL(import.meta.url).searchParams.has('raw')
const options = { window: '1s', maxIds: 2 ** 24 } as const
const nothing = forEach<number>(() => {}, { idempotent: true, name: 'nothing' })

if (!isMainThread) listen()

/** Handlers that allocate nothing: what is answered is a small integer. */
export default isRaw
  ? pipeline('garbage')
      .accepts(frames({ size: 64 }))
      .deliver('exactly-once', { ...options, id: at(0) })
      .map((frame: Frame) => frame.u32(8))
      .to(nothing)
  : pipeline('garbage')
      .accepts<Trade>()
      .deliver('exactly-once', { ...options, id: (trade) => trade.id })
      .map((trade) => trade.size)
      .to(nothing)
