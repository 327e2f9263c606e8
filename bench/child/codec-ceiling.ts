/**
 * The ceiling of objects: one thread encodes, another decodes, and blocks of shared memory go round
 * between them. No ring, no ids, no pipeline.
 * @internal
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { answer, readSample } from 'semel/measure'
import { Packr } from 'msgpackr/pack'
import { Blocks, messagesPerBlock } from './blocks.js'
import { sharedShapes } from './shapes.js'

interface Task {
  readonly sample: string
  readonly seconds: number
}

/** msgpackr's mode that returns the buffer it wrote into, with `start` and `end`. */
const reuseBuffer = 512

await answer<Task>(async ({ sample, seconds }) => {
  const messages = readSample(sample)
  const shared = sharedShapes()
  const packr = new Packr(shared as never)
  for (const message of messages) packr.pack(message)

  const blocks = new Blocks()
  const worker = new Worker(new URL('codec-worker.js', import.meta.url), {
    workerData: {
      memory: blocks.memory,
      shapes: JSON.parse(JSON.stringify(shared.getStructures())) as unknown,
    },
  })
  // It is told by its first message that it runs, or by an error that it does not.
  await once(worker, 'message')
  let next = 0
  /** Encodes into the next free block; how many. */
  const encode = (): number => {
    const { bytes, ends } = blocks.claim()
    packr.useBuffer(bytes)
    const position = packr as unknown as { position: number }
    position.position = 0
    for (let i = 0; i < messagesPerBlock; i++) {
      const packed = packr.pack(messages[next], reuseBuffer as never) as Buffer & { end: number }
      next = next + 1 === messages.length ? 0 : next + 1
      if (packed !== bytes) throw new Error('a block is too small for its messages')
      ends[i] = packed.end
      position.position = packed.end
    }
    blocks.publish()
    return messagesPerBlock
  }
  const rate = (forSeconds: number): number => {
    const beganMs = performance.now()
    let sent = 0
    while (performance.now() - beganMs < 1000 * forSeconds) sent += encode()
    blocks.waitUntilTaken()
    return (1000 * sent) / (performance.now() - beganMs)
  }
  rate(seconds / 2)
  const perSecond = [Math.round(rate(seconds))]
  await worker.terminate()
  return { perSecond }
})
