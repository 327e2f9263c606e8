/**
 * One case in a process of its own: messages through one worker thread, sent by the main thread as
 * fast as they are taken, and waited for until the last is acknowledged.
 * @internal Run by run.ts.
 */
import { rmSync } from 'node:fs'
import { open, type OpenOptions, type Stream } from 'semel'
import { Bench } from 'tinybench'
import type { Case } from './cases.js'
import { rawBytes, type Trade } from './throughput.pipeline.js'

const { settings, runs, messages, dir } = JSON.parse(process.argv[2] as string) as {
  settings: Case
  runs: number
  messages: number
  dir: string
}

// What is on its way should fit the caches; at `disk` it must also cover what a group syncs meanwhile.
const ring = settings.durability === 'disk' ? '16MiB' : '4MiB'
const options: OpenOptions = { workers: 1, ring, waiting: 'balanced' }
if (settings.durability !== 'memory') {
  options.dir = dir
  options.durability = settings.durability
}
const definition = new URL('throughput.pipeline.js', import.meta.url)
const stream = await open<never>(definition, options)
const sender = settings.message === 'object' ? objectSender() : rawSender()

const bench = new Bench({
  iterations: runs,
  time: 0,
  warmup: true,
  warmupIterations: 1,
  retainSamples: true,
  warmupTime: 0,
})
bench.add(settings.case, async () => {
  await sender(stream, messages)
  await stream.drain()
})
await bench.run()
const result = bench.tasks[0]?.result
if (result?.state !== 'completed') throw new Error(`the case ${settings.case} did not complete`)
await stream.close()
rmSync(dir, { recursive: true, force: true })

const seconds = result.latency.samples?.map((ms) => ms / 1000) ?? [result.latency.mean / 1000]
process.stdout.write(JSON.stringify(seconds.map((second) => Math.round(messages / second))))

/** Objects that exist already, with a new id for each message. */
function objectSender(): (into: Stream<never>, count: number) => Promise<void> {
  const symbols = ['AMZN', 'AAPL', 'MSFT', 'GOOG', 'INTC', 'CSCO', 'ORCL', 'IBM']
  const trades = Array.from({ length: 1024 }, (_, index): Trade => ({
    id: 0,
    symbol: symbols[index % symbols.length] as string,
    price: 100 + (index % 64) / 4,
    size: 1 + (index % 500),
    side: index % 2 === 0 ? 'buy' : 'sell',
    time: 1_340_286_000_000 + index,
  }))
  let next = 1
  return async (into, count) => {
    for (let sent = 0; sent < count; sent++) {
      const trade = trades[sent & 1023] as Trade
      trade.id = next++
      while (!into.push(trade as never)) await into.ready()
    }
  }
}

/** Blocks of frames, with a new id in each frame. */
function rawSender(): (into: Stream<never>, count: number) => Promise<void> {
  const framesPerBlock = 512
  const block = new Uint8Array(framesPerBlock * rawBytes)
  const words = new Uint32Array(block.buffer)
  for (let at = 0; at < words.length; at++) words[at] = at % 1000
  let next = 1
  return async (into, count) => {
    for (let sent = 0; sent < count; sent += framesPerBlock) {
      for (let frame = 0; frame < framesPerBlock; frame++) {
        words[(frame * rawBytes) / 4] = next >>> 0
        words[(frame * rawBytes) / 4 + 1] = Math.floor(next / 4_294_967_296)
        next += 1
      }
      let taken = into.pushFrames(block)
      while (taken < framesPerBlock) {
        await into.ready()
        taken += into.pushFrames(block.subarray(taken * rawBytes))
      }
    }
  }
}
