import type { Id, Produced } from '../../core/message.js'
import type { At } from '../../pipeline/frames.js'
import type { Graph } from '../../pipeline/graph.js'
import { checkMessage } from '../../runtime/door/check-message.js'
import { BufferFrame } from '../../runtime/message/frame.js'
import { replay } from './replay.js'

/** A sample, round and round. */
export interface Feed {
  /** One message; it is taken or encoded before the next one is asked for. */
  next(): unknown
  /** Where the pipeline takes frames, and they may be pushed together. */
  readonly frames: FrameBlocks | undefined
}

export interface FrameBlocks {
  /** In bytes. */
  readonly size: number
  /** Frames one after another. */
  next(): Uint8Array
}

/**
 * @param graph as `subjectGraph` gives it: with the pipeline's own ids
 */
export function feedOf(graph: Graph, messages: readonly unknown[]): Feed {
  const { accepts, deliver } = graph
  const { id, producer } = deliver
  const seen = messages.map((message) => {
    const checked = checkMessage(accepts, message)
    return accepts.kind === 'frames' ? BufferFrame.over(checked as Uint8Array) : checked
  })
  replay.begin(
    typeof id === 'function' ? seen.map((one) => (id as (message: unknown) => Id)(one)) : [],
    producer === undefined
      ? []
      : seen.map((one) => (producer as (message: unknown) => Produced)(one)),
  )
  if (accepts.kind !== 'frames') return objects(messages)
  return new FrameFeed(
    messages as readonly Uint8Array[],
    accepts.size,
    typeof id === 'object' ? id : undefined,
    producer === undefined,
  )
}

function objects(messages: readonly unknown[]): Feed {
  let at = 0
  return {
    frames: undefined,
    next() {
      if (at === messages.length) {
        at = 0
        replay.next()
      }
      return messages[at++]
    },
  }
}

/** So many frames are pushed together at most. */
const framesPerBlock = 512

/** Frames lie one after another; where their id is in them, each round writes new ones. */
class FrameFeed implements Feed {
  readonly frames: FrameBlocks | undefined
  readonly #bytes: Uint8Array
  readonly #size: number
  readonly #count: number
  readonly #view: DataView
  readonly #idAt: At | undefined
  /** Of the first round, from the smallest on. */
  readonly #ids: readonly number[]
  readonly #stride: number
  #round = 0
  #at = 0

  constructor(
    frames: readonly Uint8Array[],
    size: number,
    idAt: At | undefined,
    mayPushTogether: boolean,
  ) {
    this.#size = size
    // A sample of few frames is repeated, so that a block is a block.
    const times = Math.max(1, Math.ceil(framesPerBlock / frames.length))
    this.#count = frames.length * times
    this.#bytes = new Uint8Array(this.#count * size)
    for (let i = 0; i < this.#count; i++) {
      this.#bytes.set(frames[i % frames.length] as Uint8Array, i * size)
    }
    this.#view = new DataView(this.#bytes.buffer)
    this.#idAt = idAt
    const own = frames.map((_, i) => (idAt === undefined ? 0 : this.#read(i)))
    const min = own.reduce((a, b) => Math.min(a, b), own[0] ?? 0)
    const span = own.reduce((a, b) => Math.max(a, b), min) - min + 1
    this.#ids = Array.from(
      { length: this.#count },
      (_, i) => (own[i % own.length] as number) - min + Math.floor(i / own.length) * span + 1,
    )
    this.#stride = times * span
    const next = (): Uint8Array =>
      this.#take(Math.min(framesPerBlock, this.#count - this.#wrapped()))
    this.frames = mayPushTogether ? { size, next } : undefined
  }

  next(): Uint8Array {
    this.#wrapped()
    return this.#take(1)
  }

  /** Where the next frame is. */
  #wrapped(): number {
    if (this.#at === this.#count) {
      this.#at = 0
      this.#round += 1
      replay.next()
    }
    return this.#at
  }

  #take(count: number): Uint8Array {
    const from = this.#at
    this.#at += count
    if (this.#idAt !== undefined) {
      const shift = this.#round * this.#stride
      for (let i = from; i < this.#at; i++) this.#write(i, (this.#ids[i] as number) + shift)
    }
    return this.#bytes.subarray(from * this.#size, this.#at * this.#size)
  }

  #read(index: number): number {
    const at = index * this.#size + (this.#idAt as At).offset
    return this.#view.getUint32(at, true) + (this.#view.getUint32(at + 4, true) & 0xfffff) * 2 ** 32
  }

  #write(index: number, id: number): void {
    const at = index * this.#size + (this.#idAt as At).offset
    this.#view.setUint32(at, id >>> 0, true)
    this.#view.setUint32(at + 4, Math.floor(id / 2 ** 32), true)
  }
}
