import { createHash } from 'node:crypto'
import {
  positionsBytesMax,
  type Begun,
  type Commit,
  type CommitId,
  type Held,
  type TransactionalConnection,
} from '../../core/transactional.js'
import { originOf } from '../origin-of.js'

/** Of several lengths, none and the longest among them, with every value of a byte. */
export function positionsOf(n: number): Uint8Array {
  const length = n % 7 === 6 ? positionsBytesMax : (n % 7) * 60
  return Uint8Array.from({ length }, (_, at) => (at * 5 + n) % 256)
}

/** In a form that every runner compares by its content: bytes may come as a Buffer. */
export interface PlainHeld {
  readonly id: CommitId
  readonly through: number
  readonly positions: string
}

export function plainOf(held: Held | undefined): PlainHeld | undefined {
  if (held === undefined) return undefined
  const { id, through, positions } = held
  const { lineage, epoch, n } = id
  return { id: { lineage, epoch, n }, through, positions: textOf(positions) }
}

/** Short, and another one for other bytes. */
function textOf(bytes: unknown): string {
  if (!(bytes instanceof Uint8Array)) return 'no bytes'
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`
}

/** What a sink is to tell where it holds this commit of a chain. */
export function heldOf(id: CommitId | undefined): PlainHeld | undefined {
  return id && plainOf({ id, through: id.n, positions: positionsOf(id.n) })
}

/** A connection that has begun, and the newest commit of its own. */
export class Chain {
  parent: CommitId | undefined
  readonly connection: TransactionalConnection<unknown>
  readonly begun: Begun
  readonly #lineage: string
  readonly #output: (id: number) => unknown
  #n: number

  constructor(
    connection: TransactionalConnection<unknown>,
    lineage: string,
    begun: Begun,
    output: (id: number) => unknown,
  ) {
    this.connection = connection
    this.begun = begun
    this.parent = begun.last
    this.#lineage = lineage
    this.#output = output
    this.#n = begun.last?.n ?? 0
  }

  next(): Commit {
    const id = { lineage: this.#lineage, epoch: this.begun.epoch, n: this.#n + 1 }
    const through = this.#n + 1
    return { id, parent: this.parent, through, positions: positionsOf(through) }
  }

  /** Leaves a number out, as one that was refused. */
  skip(): void {
    this.#n += 1
  }

  /** Numbers and parents are given with the call, so that the next one may follow at once. */
  async commit(ids: readonly number[]): Promise<CommitId> {
    const commit = this.next()
    this.#n = commit.id.n
    this.parent = commit.id
    await this.send(ids, commit)
    return commit.id
  }

  send(ids: readonly number[], commit: Commit): Promise<void> {
    return this.sendValues(ids.map(this.#output), commit)
  }

  async sendValues(values: readonly unknown[], commit: Commit): Promise<void> {
    const outputs = values.map((value, index) => ({
      value,
      origin: originOf(commit.through, index),
    }))
    await this.connection.commit(outputs, commit)
  }

  async refused(ids: readonly number[], commit = this.next()): Promise<void> {
    const thrown = await this.send(ids, commit).catch((error: unknown) => error)
    if ((thrown as Error | undefined)?.name === 'CommitRefused') return
    throw new Error(`the commit was to be refused, and ${ended(thrown)}`)
  }
}

function ended(thrown: unknown): string {
  return thrown === undefined ? 'was taken' : `failed otherwise: ${String(thrown)}`
}
