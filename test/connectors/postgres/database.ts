import { originOf } from 'semel/testing'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { CommitId, RejectedOutputs, SinkContext, TransactionalConnection } from 'semel'
import { postgres, type PostgresAddress, type PostgresOptions } from 'semel/postgres'
import { hasServer, Server } from './server.js'

/** The server of this test file; and each test's connections, which end with it. */
export function ownServer(settings: Readonly<Record<string, string>> = {}): { server: Server } {
  const own = {} as { server: Server }
  beforeAll(async () => {
    if (hasServer) own.server = await Server.start(settings)
  })
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close()
  })
  afterAll(() => own.server?.dispose())
  return own
}

const connections: { close(): unknown }[] = []
let pipelines = 0

/** A name that no other test has. */
export function newPipeline(): string {
  pipelines += 1
  return `pipeline ${pipelines}`
}

export async function connect<T>(
  address: PostgresAddress,
  options: PostgresOptions<T>,
  context: Partial<SinkContext> = {},
): Promise<TransactionalConnection<T>> {
  const connection = await postgres<T>(address, options).connect({
    pipeline: newPipeline(),
    shard: 0,
    shards: 1,
    epoch: 1,
    durability: 'process',
    ...context,
  })
  const transactional = connection as TransactionalConnection<T>
  connections.push(transactional)
  return transactional
}

export interface Committing<T> {
  (...values: T[]): Promise<void>
  readonly connection: TransactionalConnection<T>
}

/** A connection that has begun: each call is one commit. */
export async function committing<T>(
  address: PostgresAddress,
  options: PostgresOptions<T>,
  context: Partial<SinkContext> = {},
): Promise<Committing<T>> {
  const connection = await connect<T>(address, options, context)
  const { epoch, last } = await connection.begin('A')
  let parent = last
  let n = last?.n ?? 0
  const commit = async (...values: T[]): Promise<void> => {
    const id: CommitId = { lineage: 'A', epoch, n: ++n }
    const outputs = values.map((value, index) => ({
      value,
      origin: originOf(n, index),
    }))
    const kept = { id, parent, through: n, positions: new Uint8Array() }
    await connection.commit(outputs, kept)
    parent = id
  }
  return Object.assign(commit, { connection })
}

/** The id of the commit that a connection tells of. */
export async function lastOf(connection: {
  last(): Promise<unknown>
}): Promise<CommitId | undefined> {
  const last = (await connection.last()) as CommitId | { readonly id: CommitId } | undefined
  return last !== undefined && 'id' in last ? last.id : last
}

export async function thrownBy(call: () => unknown): Promise<Error> {
  try {
    await call()
  } catch (thrown) {
    return thrown as Error
  }
  throw new Error('nothing was thrown')
}

/** What was refused, as index → why. */
export async function refusedBy(call: () => unknown): Promise<Record<number, string>> {
  const thrown = (await thrownBy(call)) as RejectedOutputs
  if (thrown.name !== 'RejectedOutputs') throw thrown
  return Object.fromEntries([...thrown.rejected].map(([at, { message }]) => [at, message]))
}
