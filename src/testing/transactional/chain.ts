import type { Begun, Commit, CommitId, TransactionalConnection } from '../../core/transactional.js'
import { originOf } from '../origin-of.js'

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
    return { id, parent: this.parent, through: this.#n + 1 }
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
