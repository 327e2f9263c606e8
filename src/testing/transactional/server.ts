import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../core/options.js'
import type { Sink } from '../../core/sink.js'
import { sleep } from '../../core/waiting/timers.js'
import type { CommitId } from '../../core/transactional.js'
import { CallRules } from './call-rules.js'
import type { TransactionalCall, TransactionalFault } from './faults.js'
import { transactionalSink } from './sink.js'
import { ShardStore, type StoreAnswer, type StoredCommit } from './store.js'
import { receive, send, type Request } from './wire.js'

export interface MemoryTransactionalOptions {
  /** Asked at each call what is to go wrong with it: a function of yours, or `drawnFaults(seed)`. */
  fault?: (call: TransactionalCall) => TransactionalFault
  /** Why an output is refused, at every attempt; undefined: it is not. */
  rejects?: (output: unknown) => string | undefined
  /**
   * Commits that a connection may have under way, 1…1,024.
   * @default 1
   */
  commitsMax?: number
}

/** A call that came, with what was asked to go wrong and what became of it. */
export interface TransactionalRecord extends TransactionalCall {
  readonly fault: TransactionalFault
  /** Of a commit. */
  readonly id?: CommitId
  /** `waiting`: it is on its way still. */
  end: 'waiting' | 'nothing' | 'done' | 'refused' | 'rejected'
}

/** A store that is looked at and steered. */
export interface MemoryTransactional {
  /** By which `transactionalSink` finds it from other threads and processes. */
  readonly address: string
  readonly sink: Sink<unknown, 'transactional'>
  /** What a reader sees of all pipelines and shards, or of one, in the order in which it took effect. */
  outputs(pipeline?: string, shard?: number): readonly unknown[]
  /** The commits that took effect, oldest first. */
  commits(pipeline: string, shard?: number): readonly StoredCommit[]
  epoch(pipeline: string, shard?: number): number
  /** Every call, in the order in which they came. */
  readonly calls: readonly TransactionalRecord[]
  /** How the contract was broken by who called. */
  readonly violations: readonly string[]
  /** Whatever is late or on its way takes effect now, or is refused. */
  land(): void
  /** Loses all connections. */
  cut(): void
  /** Forgets what was committed, of all pipelines; `epochs`: the epochs that were given too. */
  drop(options?: { readonly epochs?: boolean }): void
  close(): Promise<void>
}

/**
 * A transactional sink whose store is memory of this thread, for tests. Its connections are real ones,
 * over the loopback interface: so those of worker threads and of other processes see the same store, an
 * answer can be lost, and a commit can come when its sender is long gone. It fails where it is told to.
 * The process does not wait for it to be closed.
 * @example
 * const store = await memoryTransactional({ fault: drawnFaults('seed 7') })
 * const stream = await open(definition.to(store.sink), { dir, workers: 0 })
 * @throws InvalidArgumentError
 */
export async function memoryTransactional(
  options: MemoryTransactionalOptions = {},
): Promise<MemoryTransactional> {
  const given = checkOptions<MemoryTransactionalOptions>(options, 'memoryTransactional', [
    'fault',
    'rejects',
    'commitsMax',
  ])
  const most = wholeNumber(given.commitsMax ?? 1, 'memoryTransactional.commitsMax', 1, 1024)
  for (const name of ['fault', 'rejects'] as const) {
    const one = given[name]
    if (one === undefined || typeof one === 'function') continue
    throw new InvalidArgumentError(`memoryTransactional.${name}: ${shown(one)} is not a function`)
  }
  const { fault = () => undefined, rejects = () => undefined } = given as MemoryTransactionalOptions
  const store = new Store(fault, rejects, most)
  await store.listen()
  return store
}

/** A call that has not arrived yet, though its sender knows nothing of it any more. */
interface Stray {
  /** Ahead of which call of its shard it arrives. */
  readonly ahead: 'begin' | 'look' | 'commit'
  arrive(): void
}

interface Shard {
  readonly store: ShardStore
  readonly strays: Stray[]
  calls: number
}

class Store implements MemoryTransactional {
  readonly calls: TransactionalRecord[] = []
  readonly #fault: (call: TransactionalCall) => TransactionalFault
  readonly #rejects: (output: unknown) => string | undefined
  readonly #commitsMax: number
  readonly #rules: CallRules
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #shards = new Map<string, Shard>()
  readonly #values: unknown[] = []

  constructor(
    fault: (call: TransactionalCall) => TransactionalFault,
    rejects: (output: unknown) => string | undefined,
    commitsMax: number,
  ) {
    this.#fault = fault
    this.#rejects = rejects
    this.#commitsMax = commitsMax
    this.#rules = new CallRules(commitsMax)
    this.#server = createServer((socket) => this.#accept(socket)).unref()
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', resolve)
    })
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get sink(): Sink<unknown, 'transactional'> {
    return transactionalSink(this.address)
  }

  get violations(): readonly string[] {
    return this.#rules.violations
  }

  outputs(pipeline?: string, shard = 0): readonly unknown[] {
    if (pipeline === undefined) return this.#values
    return this.#shard(pipeline, shard).store.values
  }

  commits(pipeline: string, shard = 0): readonly StoredCommit[] {
    return this.#shard(pipeline, shard).store.commits
  }

  epoch(pipeline: string, shard = 0): number {
    return this.#shard(pipeline, shard).store.epoch
  }

  land(): void {
    for (const shard of this.#shards.values()) arrive(shard, 'begin', 'look', 'commit')
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  drop({ epochs = false } = {}): void {
    for (const { store } of this.#shards.values()) store.drop(epochs)
    this.#values.length = 0
  }

  close(): Promise<void> {
    this.cut()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #shard(pipeline: string, shard: number): Shard {
    const key = JSON.stringify([pipeline, shard])
    const known = this.#shards.get(key)
    if (known !== undefined) return known
    const made = { store: new ShardStore(this.#rejects), strays: [], calls: 0 }
    this.#shards.set(key, made)
    return made
  }

  #accept(socket: Socket): void {
    socket.unref().setNoDelay(true)
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    const caller = this.#rules.caller()
    let whom: { readonly pipeline: string; readonly shard: number } | undefined
    let before: Promise<void> = Promise.resolve()
    receive(socket, (value) => {
      const request = value as Request
      if (request.call === 'connect') whom = request
      caller.sent(request)
      const { pipeline, shard } = whom as NonNullable<typeof whom>
      // One behind the other: an answer that is slow holds up those behind it.
      before = before.then(async () => {
        const answer = await this.#take(socket, pipeline, shard, request)
        caller.answered(request)
        if (answer !== undefined && !socket.destroyed) send(socket, answer)
      })
    })
  }

  /** The answer; undefined: there is none. */
  async #take(
    socket: Socket,
    pipeline: string,
    at: number,
    request: Request,
  ): Promise<StoreAnswer | undefined> {
    const shard = this.#shard(pipeline, at)
    const call = {
      name: request.call,
      pipeline,
      shard: at,
      number: shard.calls++,
      outputs: outputsOf(request).length,
    }
    // What was in the socket behind a call that lost it is lost with it.
    const fault = socket.destroyed ? 'before' : this.#fault(call)
    const id = request.call === 'commit' ? { id: request.commit.id } : undefined
    const record: TransactionalRecord = { ...call, ...id, fault, end: 'waiting' }
    this.calls.push(record)
    const run = (): StoreAnswer => {
      const answer = this.#run(shard, request, fault)
      record.end = 'done' in answer ? 'done' : 'refused' in answer ? 'refused' : 'rejected'
      return answer
    }
    switch (fault) {
      case 'before':
        record.end = 'nothing'
        socket.destroy()
        return undefined
      case 'after':
        run()
        socket.destroy()
        return undefined
      case 'hang':
        run()
        return undefined
      case 'late':
      case 'on-its-way': {
        socket.destroy()
        const behind = fault === 'late' ? 'look' : 'begin'
        const ahead = request.call === 'commit' ? behind : 'commit'
        shard.strays.push({ ahead, arrive: run })
        return undefined
      }
      case 'refuse':
        if (request.call !== 'commit') return run()
        record.end = 'refused'
        return { refused: 'it was asked to be refused' }
      case undefined:
        return run()
      default:
        if ('slowMs' in fault) await sleep(fault.slowMs)
        if ('drop' in fault) this.drop({ epochs: fault.drop === 'commits and epochs' })
        return run()
    }
  }

  #run(shard: Shard, request: Request, fault: TransactionalFault): StoreAnswer {
    const { store } = shard
    switch (request.call) {
      case 'connect':
        return { done: { commitsMax: this.#commitsMax } }
      case 'last':
        return { done: store.held }
      case 'begin': {
        arrive(shard, 'begin')
        const { epoch } = store.begin(request.lineage)
        arrive(shard, 'look')
        return { done: { epoch, last: store.last } }
      }
      case 'commit':
        arrive(shard, 'commit')
        return this.#keep(request, () => {
          const { outputs, commit } = request
          return store.commit(outputs, commit, asked(fault))
        })
      case 'write':
        return this.#keep(request, () => store.write(request.values, asked(fault)))
      default:
        return request satisfies never
    }
  }

  #keep(request: Request, run: () => StoreAnswer): StoreAnswer {
    const answer = run()
    if ('done' in answer) this.#values.push(...outputsOf(request))
    return answer
  }
}

/** What has been under way until now arrives, in the order in which it was sent. */
function arrive({ strays }: Shard, ...ahead: readonly Stray['ahead'][]): void {
  const due = strays.filter((stray) => ahead.includes(stray.ahead))
  for (const stray of due) strays.splice(strays.indexOf(stray), 1)
  for (const stray of due) stray.arrive()
}

/** The outputs, by index, that are refused once. */
function asked(fault: TransactionalFault): readonly number[] {
  return typeof fault === 'object' && 'reject' in fault ? fault.reject : []
}

function outputsOf(request: Request): readonly unknown[] {
  if (request.call === 'commit') return request.outputs.map(({ value }) => value)
  return request.call === 'write' ? request.values : []
}
