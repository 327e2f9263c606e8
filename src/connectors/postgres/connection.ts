import { RejectedOutputs, type SinkContext } from '../../core/sink.js'
import {
  CommitRefused,
  type Begun,
  type Commit,
  type Held,
  type Output,
  type TransactionalConnection,
} from '../../core/transactional.js'
import { checkServer } from './catalog.js'
import { Commits } from './commits.js'
import type { Driver } from './driver.js'
import { durableBegin, durableCommit, flushing } from './durable.js'
import { postgresError } from './errors.js'
import type { Checked } from './options.js'
import { Refusals, writeFaultOf } from './rows/refusals.js'
import type { Part, Rows } from './rows/rows.js'
import { Session } from './session.js'
import { StatementRows } from './rows/statement-rows.js'
import { TableRows } from './rows/table-rows.js'
import { WriterRows } from './rows/writer-rows.js'

/** Where nothing follows on what is held, nothing is written. */
const guard = 'EXISTS (SELECT FROM semel_taken)'

/**
 * One shard's connection. A commit is one statement where it can be: it advances the row of
 * `semel_commits`, whose lock keeps out whoever begins meanwhile, and writes the outputs if that row was
 * as it was to be. Else, and where the server has refused that, it is a transaction of several.
 */
export class PostgresConnection implements TransactionalConnection<unknown> {
  readonly #session: Session
  readonly #rows: Rows<unknown>
  readonly #commits: Commits
  /** Expressions, or undefined: the server's own setting is enough. */
  readonly #durable: string | undefined
  readonly #flushing: string | undefined
  /** What the server does not take as a part of a statement, it is not asked again. */
  #isOneStatement = true
  #isDirty = false

  static async open(
    driver: Driver,
    name: string,
    context: SinkContext,
    checked: Checked,
  ): Promise<PostgresConnection> {
    const { pipeline, shard } = context
    const session = await Session.open(driver, name, `semel ${pipeline}/${shard}`, checked)
    try {
      await checkServer(session)
      // Its table first: where the sink can't be, nothing of it is left behind.
      const rows = await rowsFor(session, checked)
      const durable = durableBegin(checked.synchronousCommit)
      const commits = await Commits.open(session, checked.schema, context, durable)
      return new PostgresConnection(session, rows, commits, checked, context)
    } catch (thrown) {
      await session.close()
      throw postgresError(name, 'open', thrown)
    }
  }

  private constructor(
    session: Session,
    rows: Rows<unknown>,
    commits: Commits,
    { synchronousCommit }: Checked,
    { durability }: SinkContext,
  ) {
    this.#session = session
    this.#rows = rows
    this.#commits = commits
    this.#durable = durableCommit(synchronousCommit, durability)
    this.#flushing = flushing(synchronousCommit, durability)
  }

  begin(lineage: string): Promise<Begun> {
    return this.#told('begin', () => this.#commits.begin(lineage))
  }

  commit(outputs: readonly Output<unknown>[], commit: Commit): Promise<void> {
    return this.#told('commit', () =>
      this.#put(
        outputs.map(({ value }) => value),
        commit,
      ),
    )
  }

  last(): Promise<Held | undefined> {
    return this.#told('look what was committed', async () => this.#commits.held())
  }

  write(outputs: readonly unknown[]): Promise<void> {
    return this.#told('write', async () => {
      if (outputs.length > 0) await this.#put(outputs, undefined)
      this.#isDirty = true
    })
  }

  flush(): Promise<void> {
    return this.#told('flush', async () => {
      if (this.#isDirty && this.#flushing !== undefined) await this.#session.ask(this.#flushing)
      this.#isDirty = false
    })
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #told<R>(what: string, run: () => Promise<R>): Promise<R> {
    this.#session.checkOpen()
    try {
      return await run()
    } catch (thrown) {
      throw postgresError(this.#session.name, what, thrown)
    }
  }

  async #put(outputs: readonly unknown[], commit: Commit | undefined): Promise<void> {
    const rows = this.#rows.convert(outputs)
    let isUnclear = false
    try {
      const parts = this.#isOneStatement ? this.#rows.parts(rows) : undefined
      if (parts !== undefined) await this.#putAtOnce(parts, commit)
      else await this.#inTransaction(commit, () => this.#rows.write(this.#session, rows))
      return
    } catch (thrown) {
      const fault = writeFaultOf(thrown)
      if (fault === 'sink' || thrown instanceof CommitRefused) throw thrown
      isUnclear = fault === 'unclear'
    }
    await this.#inTransaction(commit, async () => {
      const refusals = new Refusals(this.#session, this.#rows, rows)
      await refusals.find()
      if (refusals.refused.size > 0) throw new RejectedOutputs(refusals.refused)
    })
    // Several statements were taken, and the one that says the same was not.
    if (isUnclear) this.#isOneStatement = false
  }

  async #putAtOnce(parts: readonly Part[], commit: Commit | undefined): Promise<void> {
    const values: unknown[] = []
    const clauses = parts.map((part, at) => {
      const isGuarded = commit !== undefined && this.#rows.takesGuard
      const sql = part.sql(values.length + 1, isGuarded ? guard : undefined)
      values.push(...part.values)
      return `semel_rows_${at} AS (${sql})`
    })
    let from = ''
    let answer = '1 AS taken'
    if (commit !== undefined) {
      clauses.unshift(`semel_taken AS (${this.#commits.advancing(values.length + 1)})`)
      values.push(...this.#commits.parametersOf(commit))
      from = ' FROM semel_taken'
      // Where there is no place for the guard, the statement fails without it, and takes back all.
      if (!this.#rows.takesGuard && parts.length > 0) {
        from = ''
        answer = `1 / (SELECT count(*) FROM semel_taken) AS taken`
      }
    }
    const durable = this.#durable === undefined ? '' : `, ${this.#durable} AS durable`
    const sql = `WITH ${clauses.join(', ')} SELECT ${answer}${durable}${from}`
    const { length } = await this.#session.ask(sql, values)
    if (commit === undefined || length === 1) return
    throw new CommitRefused(await this.#commits.refusalOf(commit))
  }

  #inTransaction(commit: Commit | undefined, write: () => Promise<void>): Promise<void> {
    return this.#session.transaction(this.#durable, async () => {
      if (commit !== undefined) {
        const sql = this.#commits.advancing(1)
        const { length } = await this.#session.ask(sql, this.#commits.parametersOf(commit))
        if (length !== 1) throw new CommitRefused(await this.#commits.refusalOf(commit))
      }
      await write()
    })
  }
}

/** @throws SemelError `SEMEL_SINK` where the server has no such table or columns, or refuses the statement */
async function rowsFor(session: Session, { target, schema }: Checked): Promise<Rows<unknown>> {
  if ('table' in target) return (await TableRows.open(session, schema, target)) as Rows<unknown>
  if ('sql' in target) return StatementRows.open(session, target)
  return new WriterRows(target)
}
