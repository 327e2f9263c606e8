import { createConnection, type Socket } from 'node:net'
import { serialize } from 'node:v8'
import { ClosedError, InvalidArgumentError, toError } from '../../core/errors.js'
import { Unavailable } from '../../core/handler-errors.js'
import { shown } from '../../core/options.js'
import { RejectedOutputs, type Sink, type SinkContext } from '../../core/sink.js'
import {
  CommitRefused,
  type Begun,
  type Commit,
  type Held,
  type Output,
  type TransactionalConnection,
} from '../../core/transactional.js'
import { receive, send, type Answer, type Answers, type Request } from './wire.js'

/**
 * The sink of a `memoryTransactional` store that another thread or process has; for definitions that
 * worker threads import.
 * @param address the store's, as its configuration or a parameter of its URL brings it along
 * @throws InvalidArgumentError
 */
export function transactionalSink(address: string): Sink<unknown, 'transactional'> {
  const port = /^127\.0\.0\.1:(\d+)$/.exec(String(address))?.[1]
  if (port === undefined) {
    throw new InvalidArgumentError(
      `transactionalSink: ${shown(address)} is no address of a store; give store.address`,
    )
  }
  return Object.freeze({
    name: 'memory transactional',
    kind: 'transactional' as const,
    connect: (context: SinkContext) => StoreConnection.open(Number(port), context),
  })
}

interface Waiting {
  resolve(done: unknown): void
  reject(error: Error): void
}

/** Calls go out at once and are answered in order; a lost connection leaves all that wait unknown. */
class StoreConnection implements TransactionalConnection<unknown> {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #isClosed = false
  #isLost = false
  #commitsMax = 1

  static async open(port: number, { pipeline, shard }: SinkContext): Promise<StoreConnection> {
    const connection = new StoreConnection(createConnection({ host: '127.0.0.1', port }))
    try {
      const { commitsMax } = await connection.#call('connect', { call: 'connect', pipeline, shard })
      connection.#commitsMax = commitsMax
      return connection
    } catch (thrown) {
      connection.close()
      throw thrown
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true)
    receive(socket, (answer) => this.#answered(answer as Answer))
    socket.on('error', () => {})
    socket.on('close', () => this.#lose())
  }

  get commitsMax(): number {
    return this.#commitsMax
  }

  begin(lineage: string): Promise<Begun> {
    return this.#call('begin', { call: 'begin', lineage })
  }

  async commit(outputs: readonly Output<unknown>[], commit: Commit): Promise<void> {
    refuseUncloneable(outputs.map(({ value }) => value))
    await this.#call('commit', { call: 'commit', outputs, commit })
  }

  last(): Promise<Held | undefined> {
    return this.#call('last', { call: 'last' })
  }

  async write(values: readonly unknown[]): Promise<void> {
    refuseUncloneable(values)
    await this.#call('write', { call: 'write', values })
  }

  close(): void {
    this.#isClosed = true
    this.#socket.destroy()
    this.#lose()
  }

  #call<N extends keyof Answers>(
    _: N,
    request: Extract<Request, { readonly call: N }>,
  ): Promise<Answers[N]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new ClosedError('the sink memory transactional is closed')
      if (this.#isLost) throw lost()
      send(this.#socket, request)
      this.#waiting.push({ resolve: resolve as Waiting['resolve'], reject })
    })
  }

  #answered(answer: Answer): void {
    const { resolve, reject } = this.#waiting.shift() as Waiting
    if ('refused' in answer) reject(new CommitRefused(answer.refused))
    else if ('rejected' in answer) {
      reject(new RejectedOutputs(new Map(answer.rejected.map(([at, why]) => [at, new Error(why)]))))
    } else resolve(answer.done)
  }

  #lose(): void {
    this.#isLost = true
    for (const { reject } of this.#waiting.splice(0)) reject(lost())
  }
}

function lost(): Unavailable {
  return new Unavailable('the connection to the store is lost')
}

/** @throws RejectedOutputs for those that have no structured clone */
function refuseUncloneable(values: readonly unknown[]): void {
  try {
    serialize(values)
    return
  } catch {}
  const rejected = values.flatMap((value, at) => {
    try {
      serialize(value)
      return []
    } catch (thrown) {
      return [[at, toError(thrown)] as const]
    }
  })
  throw new RejectedOutputs(new Map(rejected))
}
