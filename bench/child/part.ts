/**
 * One part of a message's way by itself, with tinybench.
 * @internal
 */
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import { answer, tradesSample, type Trade } from 'semel/measure'
import { Bench } from 'tinybench'
import { sharedShapes } from './shapes.js'

export type Part = 'encode' | 'decode' | 'native call'

export interface PartTask {
  readonly part: Part
  readonly ms: number
}

/** Of each measured call, so that the clock does not count. */
const perCall = 1024

/** How the native core opens a stream that keeps nothing. */
const memoryOnly = {
  name: 'part',
  directory: '',
  shards: 1,
  workers: 1,
  delivery: 0,
  durability: 0,
  visibility: 0,
  ringBytes: 65_536,
  segmentBytes: 2 ** 20,
  intervalMs: 0,
  groupPauseUs: 500,
  dedup: false,
  windowMs: 0,
  maxIds: 1,
  shortenWindow: false,
  parkedMax: 1,
  inFlightMax: 4096,
}

await answer<PartTask>(async ({ part, ms }) => {
  const work = await workOf(part)
  const bench = new Bench({
    time: ms,
    warmupTime: ms / 4,
    iterations: 16,
    warmupIterations: 4,
    retainSamples: true,
  })
  let sum = 0
  bench.add(part, () => {
    for (let i = 0; i < perCall; i++) sum += work(i)
  })
  await bench.run()
  const result = bench.tasks[0]?.result
  if (result?.state !== 'completed') throw new Error(`${part} did not complete`)
  if (Number.isNaN(sum)) throw new Error(`${part} gives no number`)
  const { min, p50 = result.latency.mean, p99 = result.latency.max } = result.latency
  return { each: [min, p50, p99].map((each) => (each * 1e6) / perCall) }
})

async function workOf(part: Part): Promise<(i: number) => number> {
  const shared = sharedShapes() as never
  const trades = tradesSample(perCall)
  const packr = new Packr(shared)
  const packed = trades.map((trade) => packr.pack(trade))
  switch (part) {
    case 'encode': {
      const buffer = Buffer.allocUnsafeSlow(4096)
      const place = packr as unknown as { position: number }
      return (i) => {
        packr.useBuffer(buffer)
        place.position = 0
        // The mode that returns the buffer it wrote into.
        return packr.pack(trades[i], 512 as never).length
      }
    }
    case 'decode': {
      const unpackr = new Unpackr(shared)
      return (i) => (unpackr.unpack(packed[i] as Buffer) as Trade).size
    }
    case 'native call': {
      const core = (await import(
        new URL('../../../../dist/native/addon.js', import.meta.url).href
      )) as {
        addon(): {
          open(options: object, notice: () => void): { handle: number }
          room(handle: number): number
        }
      }
      const addon = core.addon()
      const { handle } = addon.open(memoryOnly, () => {})
      return () => addon.room(handle)
    }
    default:
      return part satisfies never
  }
}
