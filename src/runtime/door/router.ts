import { InvalidArgumentError } from '../../core/errors.js'
import type { Id, Key, Produced } from '../../core/message.js'
import type { At } from '../../pipeline/frames.js'
import type { Graph } from '../../pipeline/graph.js'
import { ask } from '../message/ask.js'
import { checkMessage } from './check-message.js'
import { BufferFrame } from '../message/frame.js'
import { checkedId, checkedKey, shardOf } from '../message/keys.js'

/** What the pipeline's functions say of a message. */
export interface Routed {
  /** As operators will see it, or its bytes. */
  readonly message: unknown
  readonly isEncoded: boolean
  readonly shard: number
  readonly id: Id | undefined
  /** Of pipelines that conflate: messages of one key take each other's place. */
  readonly key: Key | undefined
  /** Where senders number their messages. */
  readonly produced: Produced | undefined
}

/** A message that waits for room: encoded when it was sent, and routed once. */
export class Kept implements Routed {
  readonly message: Uint8Array
  readonly isEncoded = true
  readonly shard: Routed['shard']
  readonly id: Routed['id']
  readonly key: Routed['key']
  readonly produced: Routed['produced']

  constructor(bytes: Uint8Array, { shard, id, key, produced }: Routed) {
    this.message = bytes
    this.shard = shard
    this.id = id
    this.key = key
    this.produced = produced
  }
}

/**
 * Asks the functions of a pipeline about messages at the door, each once a message: whatever they would
 * answer the next time, a message has one id and one shard. They are asked with any number of shards.
 */
export class Router {
  readonly #graph: Graph
  readonly #shards: number
  readonly #checkProduced: ((numbering: unknown) => Produced) | undefined
  /** One for all messages: a message is written before the next one is asked about. */
  readonly #routed = {
    message: undefined as unknown,
    isEncoded: false,
    shard: 0,
    id: undefined as Id | undefined,
    key: undefined as Key | undefined,
    produced: undefined as Produced | undefined,
  } satisfies Routed
  #round = 0
  #isAsking = false

  /** @param checkProduced where senders number their messages: whether it is a numbering */
  constructor(graph: Graph, shards: number, checkProduced?: (numbering: unknown) => Produced) {
    this.#graph = graph
    this.#shards = shards
    this.#checkProduced = checkProduced
  }

  /**
   * The message as operators will see it: checked, perhaps changed, by the schema.
   * @throws InvalidArgumentError where the pipeline does not take it
   */
  check(message: unknown): unknown {
    return checkMessage(this.#graph.accepts, message)
  }

  /**
   * As `route`, of a message as it was sent.
   * @returns valid until the next call
   */
  admit(sent: unknown): Routed {
    if (this.#isAsking) throw sentFromInside()
    this.#isAsking = true
    try {
      return this.route(this.check(sent))
    } finally {
      this.#isAsking = false
    }
  }

  /**
   * Where a checked message goes, and as what it is known. Without key and id they take turns.
   * @returns valid until the next call
   * @throws InvalidArgumentError for what is no id, key or numbering, and where a function throws
   */
  route(message: unknown): Routed {
    const { deliver, keyBy } = this.#graph
    const routed = this.#routed
    routed.message = message
    routed.id = deliver.id === undefined ? undefined : this.#id(deliver.id, message)
    if (deliver.producer !== undefined) {
      const numbering = ask(deliver.producer as never, this.#seen(message), 'deliver.producer')
      routed.produced = ask(this.#checkProduced as () => Produced, numbering, 'deliver.producer')
    }
    const conflates = deliver.overflow === 'conflate'
    const by = keyBy ?? routed.produced?.id ?? routed.id
    if (keyBy !== undefined && (typeof keyBy === 'function' || conflates || this.#shards > 1)) {
      const key = this.#key(keyBy, message)
      routed.shard = shardOf(key, this.#shards)
      if (conflates) routed.key = key
    } else if (by === undefined) {
      routed.shard = this.#shards === 1 ? 0 : this.#round++ % this.#shards
    } else if (keyBy === undefined) {
      routed.shard = shardOf(by as Id, this.#shards)
      if (conflates) routed.key = checkedKey(by)
    } else {
      routed.shard = 0
    }
    return routed
  }

  #id(by: ((message: never) => Id) | At, message: unknown): Id {
    const seen = this.#seen(message)
    // Eight bytes of a frame are an id, whatever they are.
    if (typeof by !== 'function') return (seen as BufferFrame).u64(by.offset)
    return checkedId(ask(by, seen, 'id'))
  }

  #key(by: ((message: never) => Key) | At, message: unknown): Key {
    const seen = this.#seen(message)
    if (typeof by !== 'function') return checkedKey((seen as BufferFrame).u64(by.offset))
    return checkedKey(ask(by, seen, 'keyBy'))
  }

  /** The message as functions get it. */
  #seen(message: unknown): unknown {
    if (this.#graph.accepts.kind !== 'frames') return message
    return BufferFrame.over(message as Uint8Array)
  }
}

/** Of a send inside of another one: its bytes would lie among that one's. */
export function sentFromInside(): InvalidArgumentError {
  return new InvalidArgumentError(
    'message: it is sent from inside of a function, getter or proxy of another message that is just being taken; send it afterwards',
  )
}
