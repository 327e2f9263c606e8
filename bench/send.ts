/**
 * One way of sending, in a process of its own: one message at a time with a pause before each, so that
 * both sides are idle, or so many in flight as fast as they are taken. At `disk` a bare write with its
 * sync is timed between, in the same directory.
 * @internal Run by run.ts.
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { open, type Stream } from 'semel'
import type { SendCase } from './send-cases.js'
import type { Trade } from './throughput.pipeline.js'

const { settings, messages, dir } = JSON.parse(process.argv[2] as string) as {
  settings: SendCase
  messages: number
  dir: string
}

const { acknowledge, durability, workers, waiting, inFlight } = settings
const definition = workers === 0 ? (await import('./send.pipeline.js')).default : undefined
const stream = await open<Trade>(
  (definition ?? new URL('send.pipeline.js', import.meta.url)) as URL,
  { dir, acknowledge, durability, workers, waiting },
)
const result = inFlight === 1 ? await latencies(stream) : { rate: await rate(stream) }
await stream.close()
rmSync(dir, { recursive: true, force: true })
process.stdout.write(JSON.stringify(result))

async function latencies(into: Stream<Trade>): Promise<object> {
  const sends = createHistogram()
  const syncs = createHistogram()
  const sync = durability === 'disk' ? bareSync() : undefined
  const warmup = Math.ceil(messages / 10)
  for (let id = 0; id < messages + warmup; id++) {
    await idle()
    const began = process.hrtime.bigint()
    await into.send(trade(id))
    if (id >= warmup) record(sends, began)
    if (sync === undefined) continue
    await idle()
    const syncBegan = process.hrtime.bigint()
    sync.run()
    if (id >= warmup) record(syncs, syncBegan)
  }
  sync?.end()
  return {
    latencyUs: percentiles(sends),
    ...(sync === undefined ? {} : { bareSyncUs: percentiles(syncs) }),
  }
}

/** Messages a second, with so many receipts awaited at a time. */
async function rate(into: Stream<Trade>): Promise<number> {
  let best = 0
  let next = 0
  for (let run = 0; run < 3; run++) {
    const began = performance.now()
    for (let sent = 0; sent < messages; sent += inFlight) {
      const receipts: Promise<unknown>[] = []
      for (let i = 0; i < inFlight; i++) receipts.push(into.send(trade(next++)))
      await Promise.all(receipts)
    }
    best = Math.max(best, (messages / (performance.now() - began)) * 1000)
  }
  return Math.round(best)
}

function trade(id: number): Trade {
  return {
    id,
    symbol: 'MSFT',
    price: 100 + (id & 63) / 4,
    size: 1 + (id & 255),
    side: 'buy',
    time: id,
  }
}

/** Longer than a worker looks for work before it sleeps. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}

function bareSync(): { run: () => void; end: () => void } {
  const folder = `${dir}-bare`
  mkdirSync(folder)
  const file = openSync(join(folder, 'file'), 'w')
  const block = Buffer.alloc(4096, 1)
  // Its length does not change any more: that would be a sync of the file's metadata too.
  writeSync(file, block, 0, block.length, 0)
  fdatasyncSync(file)
  return {
    run: () => {
      writeSync(file, block, 0, block.length, 0)
      fdatasyncSync(file)
    },
    end: () => {
      closeSync(file)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function record(into: RecordableHistogram, began: bigint): void {
  into.record(process.hrtime.bigint() - began)
}

function percentiles(of: RecordableHistogram): Record<string, number> {
  const us = (percentile: number): number => of.percentile(percentile) / 1000
  return { p50: us(50), p90: us(90), p99: us(99), max: of.max / 1000 }
}
