import { InvalidArgumentError, SemelError } from '../../../core/errors.js'
import { isUnavailable } from '../../../core/handler-errors.js'
import { shown } from '../../../core/options.js'
import { refusedRow, sqlStateOf } from '../errors.js'
import type { PostgresTransaction, WriterTarget } from '../options.js'
import type { Rows } from './rows.js'
import { isRejection } from './refusals.js'
import type { Session } from '../session.js'

/** Outputs as the user's own function writes them. */
export class WriterRows implements Rows<unknown> {
  readonly what = 'write'
  readonly takesGuard = false
  readonly isUnordered = false
  readonly #write: WriterTarget['write']

  constructor({ write }: WriterTarget) {
    this.#write = write
  }

  convert(outputs: readonly unknown[]): readonly unknown[] {
    return outputs
  }

  parts(): undefined {
    return undefined
  }

  async write(session: Session, rows: readonly unknown[]): Promise<void> {
    if (rows.length === 0) return
    const transaction = new OpenTransaction(session)
    try {
      await this.#write(transaction, rows as readonly never[])
    } catch (thrown) {
      // The server's answers and what is said on purpose; all else is what these outputs made of it.
      const isKnown = sqlStateOf(thrown) !== undefined || session.isLost
      if (isKnown || isRejection(thrown) || isUnavailable(thrown)) throw thrown
      throw thrown instanceof SemelError && thrown.code === 'SEMEL_OUTPUT'
        ? thrown
        : refusedRow(this.what, thrown)
    } finally {
      transaction.end()
    }
  }

  /** Only the function knows what it writes, and where. */
  async isSound(): Promise<boolean> {
    return false
  }
}

const comments = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/
const ending =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!(?:\s+\w+)?\s+to\b))\b/i

/** The transaction for as long as the function runs. */
class OpenTransaction implements PostgresTransaction {
  readonly #session: Session
  #hasEnded = false

  constructor(session: Session) {
    this.#session = session
  }

  query(
    sql: string,
    parameters: readonly unknown[] = [],
  ): ReturnType<PostgresTransaction['query']> {
    if (this.#hasEnded) {
      throw new InvalidArgumentError(
        'postgres.write: a statement came when its function had returned; await each one in it',
      )
    }
    if (ending.test(String(sql).replace(comments, ''))) {
      throw new InvalidArgumentError(
        `postgres.write: ${shown(sql)} would end the commit's transaction; leave that to the sink`,
      )
    }
    return this.#session.query(sql, parameters)
  }

  end(): void {
    this.#hasEnded = true
  }
}
