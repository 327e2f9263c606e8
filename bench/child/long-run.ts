/**
 * Pushes raw frames, each with an id of its own, as fast as there is room, and writes down now and then
 * what the process takes.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Frame } from 'semel'
import { answer } from 'semel/measure'
import type { State } from '../long-run/state.js'

export interface LongRunTask {
  readonly messages: number
  readonly framesPerBlock: number
  /** Messages between two states. */
  readonly every: number
  /** Ids that are known at most; undefined: those of a second, however many. */
  readonly ids: number | undefined
  /** The file that gets a line of JSON for each state. */
  readonly states: string
}

const size = 64

await answer<LongRunTask & { dir: string }>(async ({ dir, messages, ...task }) => {
  const { framesPerBlock, every, ids: idsMax, states } = task
  const module = new URL('../pipelines/raw.pipeline.js', import.meta.url)
  module.searchParams.set('bytes', String(size))
  module.searchParams.set('window', '1s')
  if (idsMax !== undefined) module.searchParams.set('maxIds', String(idsMax))
  const data = join(dir, 'data')
  const stream = await open<Frame>(module, { dir: data, durability: 'process' })

  const block = new Uint8Array(framesPerBlock * size)
  const view = new DataView(block.buffer)
  const beganMs = performance.now()
  let before = { messages: 0, elapsedMs: 0 }
  const note = (taken: number): void => {
    const elapsedMs = performance.now() - beganMs
    const { rss, heapUsed, external } = process.memoryUsage()
    const shards = stream.shardCounters()
    const state: State = {
      messages: taken,
      elapsedMs: Math.round(elapsedMs),
      messagesPerSecond: Math.round(
        (1000 * (taken - before.messages)) / (elapsedMs - before.elapsedMs),
      ),
      resident: rss,
      anonymous: anonymousBytes(),
      heapUsed,
      external,
      ids: shards.reduce((sum, { ids }) => sum + ids, 0),
      index: shards.reduce((sum, { indexBytes }) => sum + indexBytes, 0),
      disk: diskBytes(data),
    }
    appendFileSync(states, `${JSON.stringify(state)}\n`)
    before = { messages: taken, elapsedMs }
  }

  let taken = 0
  for (let next = every; taken < messages;) {
    const frames = Math.min(framesPerBlock, messages - taken)
    for (let i = 0; i < frames; i++) {
      const id = taken + i + 1
      view.setUint32(i * size, id >>> 0, true)
      view.setUint32(i * size + 4, Math.floor(id / 2 ** 32), true)
    }
    for (let pushed = 0; pushed < frames;) {
      pushed += stream.pushFrames(block.subarray(pushed * size, frames * size))
      if (pushed < frames) await stream.ready()
    }
    taken += frames
    if (taken < next) continue
    note(taken)
    next += every
  }
  await stream.drain()
  const { processed } = stream.counters()
  await stream.close()
  if (processed !== messages) throw new Error(`${processed} of ${messages} were processed`)
})

function anonymousBytes(): number | undefined {
  const status = '/proc/self/status'
  if (!existsSync(status)) return undefined
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))
  return found === null ? undefined : Number(found[1]) * 1024
}

/** Blocks that files take, and not their lengths. A file may go while they are counted. */
function diskBytes(folder: string): number {
  const bytesPerBlock = 512
  let bytes = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    bytes += (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * bytesPerBlock
  }
  return bytes
}
