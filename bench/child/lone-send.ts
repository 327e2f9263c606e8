/**
 * One way of sending, in a process of its own: one message at a time, perhaps with a pause before each,
 * so that both sides are idle. At `disk` a bare write with its sync is timed between, in the same directory.
 * @internal
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Acknowledge, type Stream, type Waiting } from 'semel'
import { answer, Stopwatch, tradesSample, type Sample, type Trade } from 'semel/measure'

export interface LoneSendTask {
  readonly acknowledge: Exclude<Acknowledge, 'batched'>
  readonly durability: 'process' | 'disk'
  /** 0: in the sender's thread. */
  readonly workers: 0 | 1
  readonly waiting: Waiting
  readonly pauseMs: 0 | 1
  readonly messages: number
}

await answer<LoneSendTask>(async (task) => {
  const { acknowledge, durability, workers, waiting, pauseMs, messages, dir } = task
  const module = new URL('../pipelines/lone-send.pipeline.js', import.meta.url)
  const stream = (await open<Trade>(module, {
    dir: join(dir, 'data'),
    acknowledge,
    durability,
    workers,
    waiting,
  })) as Stream<Trade>
  const sends = new Stopwatch()
  const syncs = new Stopwatch()
  const sync = durability === 'disk' ? bareSync(dir) : undefined
  const trades = tradesSample()
  const warmup = Math.ceil(messages / 10)
  for (let id = 0; id < messages + warmup; id++) {
    const message = { ...(trades[id % trades.length] as Trade), id }
    if (pauseMs > 0) await idle()
    const began = process.hrtime.bigint()
    await stream.send(message)
    if (id >= warmup) sends.record(Number(process.hrtime.bigint() - began))
    if (sync === undefined) continue
    await idle()
    const syncBegan = process.hrtime.bigint()
    sync.run()
    if (id >= warmup) syncs.record(Number(process.hrtime.bigint() - syncBegan))
  }
  sync?.end()
  await stream.close()
  const acknowledgedUs = sends.latencies()
  const bare = syncs.latencies()
  return {
    ...(acknowledgedUs === undefined ? {} : { acknowledgedUs }),
    ...(bare === undefined || acknowledgedUs === undefined
      ? {}
      : {
          ceiling: bare.p50,
          ceilingOf: 'a bare write of 4 KiB with its fdatasync, p50',
          shareOfCeiling: bare.p50 / acknowledgedUs.p50,
        }),
  } satisfies Sample
})

/** Longer than a worker looks for work before it sleeps. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}

function bareSync(dir: string): { run: () => void; end: () => void } {
  const folder = join(dir, 'bare')
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
    end: () => closeSync(file),
  }
}
