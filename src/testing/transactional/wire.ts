import type { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { Begun, Commit, Held, Output } from '../../core/transactional.js'
import type { StoreAnswer } from './store.js'

/** What a connection says; the first thing is whom it serves. Answers come in the order of the calls. */
export type Request =
  | { readonly call: 'connect'; readonly pipeline: string; readonly shard: number }
  | { readonly call: 'begin'; readonly lineage: string }
  | {
      readonly call: 'commit'
      readonly outputs: readonly Output<unknown>[]
      readonly commit: Commit
    }
  | { readonly call: 'last' }
  | { readonly call: 'write'; readonly values: readonly unknown[] }

export interface Answers {
  readonly connect: { readonly commitsMax: number }
  readonly begin: Begun
  readonly commit: undefined
  readonly last: Held | undefined
  readonly write: undefined
}

export type Answer = StoreAnswer

const headBytes = 4

/** Values as the structured clone has them, each behind its length. */
export function send(socket: Socket, value: Request | Answer): void {
  const body = serialize(value)
  const head = Buffer.alloc(headBytes)
  head.writeUInt32LE(body.length)
  socket.write(Buffer.concat([head, body]))
}

/** Calls `take` with each value that arrives. */
export function receive(socket: Socket, take: (value: unknown) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (bytes.length >= headBytes) {
      const end = headBytes + bytes.readUInt32LE()
      if (bytes.length < end) return
      // A copy: what is taken out of it outlives what comes next.
      const value: unknown = deserialize(Buffer.from(bytes.subarray(headBytes, end)))
      bytes = bytes.subarray(end)
      take(value)
    }
  })
}
