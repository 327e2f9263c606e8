import { types } from 'node:util'
import { SemelError } from '../../../core/errors.js'
import { RejectedOutputs } from '../../../core/sink.js'
import { faultOf, refusedRow, sqlStateOf, type Fault } from '../errors.js'
import type { Rows } from './rows.js'
import { failedTransaction, type Session } from '../session.js'

/** Rows that wait for others of the same commit (a foreign key among them) are tried again so often. */
const passesMax = 3

/** The user's own, or of another copy of the library. */
export function isRejection(thrown: unknown): thrown is RejectedOutputs {
  return (
    thrown instanceof RejectedOutputs ||
    (types.isNativeError(thrown) && thrown.name === 'RejectedOutputs')
  )
}

/** Whose fault it is that a write has failed. */
export function writeFaultOf(thrown: unknown): Fault {
  if (isRejection(thrown)) return 'rows'
  if (thrown instanceof SemelError) return thrown.code === 'SEMEL_OUTPUT' ? 'rows' : 'sink'
  // A statement behind one that failed, which the user's function has caught.
  return sqlStateOf(thrown) === failedTransaction ? 'rows' : faultOf(thrown)
}

/**
 * Writes rows in a transaction, by halves, and tells which of them can't be: each attempt has a
 * savepoint, and at most twice as many are made as there are rows.
 */
export class Refusals<R> {
  readonly refused = new Map<number, Error>()
  readonly #session: Session
  readonly #rows: Rows<R>
  readonly #all: readonly R[]
  #written = 0

  constructor(session: Session, rows: Rows<R>, all: readonly R[]) {
    this.#session = session
    this.#rows = rows
    this.#all = all
  }

  /** @throws what is not the fault of single rows */
  async find(): Promise<void> {
    await this.#write([...this.#all.keys()])
    if (!this.#rows.isUnordered) return
    for (let pass = 1; pass < passesMax; pass++) {
      const waiting = [...this.refused].filter(([, { cause }]) => sqlStateOf(cause) === '23503')
      if (waiting.length === 0 || this.refused.size === this.#all.length) return
      const size = this.refused.size
      for (const [at] of waiting) this.refused.delete(at)
      await this.#write(waiting.map(([at]) => at))
      if (this.refused.size === size) return
    }
  }

  async #write(indices: readonly number[]): Promise<void> {
    const thrown = await this.#attempt(indices)
    if (thrown === undefined) return
    if (isRejection(thrown) && thrown.rejected.size > 0) {
      const named = new Set(thrown.rejected.keys())
      for (const [at, reason] of thrown.rejected) this.#refuse(indices[at], reason)
      const others = indices.filter((_, at) => !named.has(at))
      if (others.length > 0 && others.length < indices.length) await this.#write(others)
      return
    }
    if (indices.length === 1) {
      this.#refuse(indices[0], thrown)
      return
    }
    const half = indices.length >> 1
    await this.#write(indices.slice(0, half))
    await this.#write(indices.slice(half))
  }

  #refuse(index: number | undefined, thrown: unknown): void {
    if (index === undefined) return
    const isSaid = thrown instanceof SemelError && thrown.code === 'SEMEL_OUTPUT'
    this.refused.set(index, isSaid ? thrown : refusedRow(this.#rows.what, thrown))
  }

  /** What speaks against these rows together; undefined: they are written. */
  async #attempt(indices: readonly number[]): Promise<unknown> {
    const session = this.#session
    await session.run('SAVEPOINT semel_rows')
    try {
      await this.#rows.write(
        session,
        indices.map((at) => this.#all[at] as R),
      )
      // What is checked at the end is checked here, where it is known whose it is.
      await session.run('SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT semel_rows')
      this.#written += indices.length
      return undefined
    } catch (thrown) {
      const fault = writeFaultOf(thrown)
      if (fault === 'sink' || session.isLost) throw thrown
      await session.run('ROLLBACK TO SAVEPOINT semel_rows')
      if (fault === 'unclear' && !(await this.#isSound())) throw thrown
      await session.run('RELEASE SAVEPOINT semel_rows')
      return thrown
    }
  }

  /** Whether others have been written by the same way, or could be; within the savepoint. */
  async #isSound(): Promise<boolean> {
    if (this.#written > 0) return true
    const isSound = await this.#rows.isSound(this.#session)
    if (isSound) await this.#session.run('ROLLBACK TO SAVEPOINT semel_rows')
    return isSound
  }
}
