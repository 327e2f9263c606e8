import type { MessagePort } from 'node:worker_threads'
import { SemelError, toError } from '../../core/errors.js'
import { after, every, nextTurn, nowMs, sleep, turn, type End } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import { isRead } from '../../pipeline/graph.js'
import { loadGraph } from './load.js'
import type { Waiting } from '../settings/open-options.js'
import { Resources } from './resources.js'
import type { SharedTask, ToGiveUp } from './worker-parts.js'
import { openShard } from '../loop/shard-open.js'
import { OutputsPort } from '../outputs/outputs-port.js'
import { Pulse } from '../loop/heartbeat.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import { Rounds } from '../loop/rounds.js'
import type { ShardLoop } from '../loop/shard-loop.js'

/** What a worker is told when it starts; all of it can be cloned. */
export interface WorkerTask extends SharedTask {
  readonly worker: number
  readonly shards: readonly number[]
  /** Word `worker` is raised when the worker is to finish what it has and go. */
  readonly control: Int32Array
  readonly counter: Int32Array
  readonly events: MessagePort
}

/**
 * How a worker is told to go on, to let half-filled batches go, to end when what it has is done, or that
 * its thread is ended now.
 */
export const controls = { run: 0, flush: 1, stop: 2, end: 3 } as const

/** Spinning costs a look at the rings each; parking costs a wake-up of 8 to 21 µs. */
const spinUs: Readonly<Record<Waiting, number>> = { spin: 1000, balanced: 50, park: 0 }
/** No sleep is longer, so that timers and sockets of the handlers get their turn. */
const parkUsMax = 10_000
/** How long a busy worker may keep its event loop from turning. */
const turnMs = 10
/** How often a worker that is starting or ending beats, as long as its event loop turns. */
const openingBeatMs = 20
/** How long a suspect rests before it is committed: longer than the shortest timer. */
const restMs = 2

/** How a worker's task ended: as it was told, or with an error that a new worker would meet again. */
export interface WorkerEnd {
  readonly failure?: {
    readonly code: string
    readonly message: string
    /** Another worker may fare better, once what it needs is there again. */
    readonly retriable: boolean
  }
}

/** The long-lived task of a worker thread: it runs its shards until it is told to stop. */
export default async function work(task: WorkerTask): Promise<WorkerEnd> {
  try {
    await run(task)
    return {}
  } catch (error) {
    // An error crosses threads without its code, so it is told as data.
    if (error instanceof SemelError) {
      const { code, message, retriable } = error
      return { failure: { code, message, retriable } }
    }
    throw error
  }
}

async function run(task: WorkerTask): Promise<void> {
  const { handle, worker, control, waiting } = task
  const pulse = new Pulse(task.counter)
  // What is awaited (a connection, say) may take its time; what blocks the thread may not.
  const beating = (): End => every(openingBeatMs, () => pulse.beat())
  let endBeats = beating()
  const kicks = new Kicks()
  const loops: ShardLoop[] = []
  let { givenUp } = task
  task.events.on('message', (told: ToGiveUp | { readonly kind: 'taken' }) => {
    if (told.kind !== 'give-up') return
    givenUp = told.list
    for (const loop of loops) loop.giveUp(givenUp)
  })
  task.events.unref()
  const closers: (() => Promise<void>)[] = []
  let resources: Resources | undefined
  try {
    const graph = await loadGraph(task)
    resources = await Resources.open(graph)
    const outputs = isRead(graph) ? new OutputsPort(task.events) : undefined
    for (const shard of task.shards) {
      const opened = await openShard({
        ...task,
        graph,
        shard,
        pulse,
        tell: (event: ShardEvent) => task.events.postMessage(event),
        answer: (answer: ShardAnswer) => task.events.postMessage(answer),
        kick: () => kicks.kick(),
        readerOf: outputs && ((own) => outputs.readerOf(own)),
      })
      loops.push(opened.loop)
      if (givenUp.version > 0) opened.loop.giveUp(givenUp)
      closers.push(opened.close)
    }
    endBeats()
    task.events.postMessage({ kind: 'ready' })
    const rounds = new Rounds(loops)
    let turned = nowMs()
    for (;;) {
      pulse.beat()
      // Done once for each time that it is told, so that later batches fill again.
      const told = Atomics.compareExchange(control, worker, controls.flush, controls.run)
      if (told !== controls.run) for (const loop of loops) loop.flushBatches()
      if (told === controls.end) return await ending(loops)
      const round = rounds.next()
      if (round === 'resting') {
        await sleep(restMs)
        continue
      }
      const asynchronous = loops.some((loop) => loop.isWaiting)
      const stalled = loops.some((loop) => loop.isStalled)
      if (round === 'busy') {
        if (!asynchronous && nowMs() - turned < turnMs) continue
        await turn()
        turned = nowMs()
        continue
      }
      if (told === controls.stop && !asynchronous) return
      if (asynchronous || stalled) {
        // A stalled shard's ring is not empty: waiting for messages would not wait.
        await kicks.wait(waiting === 'spin' ? 0 : 1)
      } else {
        const dueMs = Math.min(...loops.map((loop) => loop.dueInMs))
        const parkUs = Math.min(parkUsMax, dueMs * 1000)
        addon().wait(handle, worker, spinUs[waiting], waiting === 'spin' ? 0 : Math.ceil(parkUs))
        await turn()
      }
      turned = nowMs()
    }
  } finally {
    endBeats()
    endBeats = beating()
    // One that fails to close takes nothing along: all that was committed is written.
    await Promise.allSettled(closers.map((close) => close()))
    // The stream is closed all the same: somebody should hear of it.
    await resources?.close().catch((error: unknown) => {
      process.emitWarning(toError(error).message, { type: 'SemelWarning', code: 'SEMEL_RESOURCE' })
    })
    endBeats()
    addon().detach(handle)
    task.events.close()
  }
}

/** Handlers are told, and what waits for them goes with the thread. */
async function ending(loops: readonly ShardLoop[]): Promise<never> {
  for (const loop of loops) loop.stop()
  return new Promise<never>(() => {})
}

/** Waits for something asynchronous to end, or for a moment, since new messages don't kick. */
class Kicks {
  #kicked = false
  #wake: (() => void) | undefined

  kick(): void {
    this.#kicked = true
    this.#wake?.()
  }

  async wait(ms: number): Promise<void> {
    if (!this.#kicked) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          end()
          resolve()
        }
        const end = ms > 0 ? after(ms, wake) : nextTurn(wake)
        this.#wake = wake
      })
      this.#wake = undefined
    }
    this.#kicked = false
  }
}
