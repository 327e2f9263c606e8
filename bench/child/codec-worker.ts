/** The thread that decodes. @internal Started by codec-ceiling.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { Unpackr } from 'msgpackr/unpack'
import type { Trade } from 'semel/measure'
import { Blocks, messagesPerBlock } from './blocks.js'

const { memory, shapes } = workerData as { memory: SharedArrayBuffer; shapes: unknown[] }
const blocks = new Blocks(memory)
const unpackr = new Unpackr({
  getStructures: () => shapes,
  maxSharedStructures: 64,
  copyBuffers: true,
} as never)
const range = { start: 0, end: 0 }
/** Used, so that no decoding is optimised away. */
let sum = 0
parentPort?.postMessage('running')
for (;;) {
  const { bytes, ends } = blocks.next()
  let start = 0
  for (let i = 0; i < messagesPerBlock; i++) {
    range.start = start
    range.end = ends[i] as number
    // msgpackr begins each at a multiple of eight.
    start = (range.end + 7) & ~7
    sum += (unpackr.unpack(bytes, range) as Trade).size
  }
  blocks.release()
  if (!Number.isFinite(sum)) throw new Error('decoded to something else')
}
