import { ClosedError, SemelError } from '../../core/errors.js'
import { RejectedOutputs, type SinkContext } from '../../core/sink.js'
import { nowMs, sleep } from '../../core/waiting/timers.js'
import {
  CommitRefused,
  type Begun,
  type Commit,
  type CommitId,
  type Held,
  type Output,
  type TransactionalConnection,
} from '../../core/transactional.js'
import { Commits } from './commits.js'
import type { Database, Driver, Statement } from './driver.js'
import { isBusy, isConstraint, refusalOf, sqliteError } from './errors.js'
import type { Checked, Target } from './options.js'
import type { Rows } from './rows.js'
import { StatementRows } from './statement-rows.js'
import { TableRows } from './table-rows.js'

/** How long SQLite itself waits for a lock, and the thread with it. */
const blockedMsMax = 5
const pauseMsMax = 20

/**
 * One shard's connection. Its transactions begin with the lock to write (BEGIN IMMEDIATE), so that what
 * they have compared stays true until they end; each is made and ended in one turn, so that shards of one
 * thread never wait for each other.
 */
export class SqliteConnection implements TransactionalConnection<unknown> {
  readonly #path: string
  readonly #db: Database
  readonly #busyMsMax: number
  readonly #begin: Statement
  readonly #end: Statement
  readonly #undo: Statement
  #rows!: Rows
  #commits!: Commits
  /** Whether a commit of the database reaches the disk. */
  #isFull = false
  #isDirty = false
  #isClosed = false

  static async open(
    driver: Driver,
    path: string,
    { pipeline, shard, durability }: SinkContext,
    { target, synchronous, journal, busyMsMax }: Checked,
  ): Promise<SqliteConnection> {
    let db: Database
    try {
      db = new driver(path, { fileMustExist: true, timeout: blockedMsMax })
    } catch (thrown) {
      throw sqliteError(path, 'open', thrown)
    }
    try {
      const connection = new SqliteConnection(path, db, busyMsMax)
      await connection.#patiently('open', () => {
        // Its table first: where the sink can't be, nothing of it is left behind.
        connection.#rows = rowsFor(db, path, target)
        if (journal === 'wal') keepLog(db, path)
        connection.#sync(true)
        connection.#commits = connection.#transaction(() => Commits.open(db, path, pipeline, shard))
        connection.#sync((synchronous ?? (durability === 'disk' ? 'full' : 'normal')) === 'full')
      })
      return connection
    } catch (thrown) {
      db.close()
      throw thrown
    }
  }

  private constructor(path: string, db: Database, busyMsMax: number) {
    this.#path = path
    this.#db = db
    this.#busyMsMax = busyMsMax
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#end = db.prepare('COMMIT')
    this.#undo = db.prepare('ROLLBACK')
  }

  begin(lineage: string): Promise<Begun> {
    return this.#patiently('begin in', () =>
      this.#synced(() => {
        const { epoch, last } = this.#commits.read()
        if (last !== undefined && last.lineage !== lineage) return { epoch, last }
        this.#commits.raise()
        return this.#commits.read()
      }),
    )
  }

  commit(outputs: readonly Output<unknown>[], commit: Commit): Promise<void> {
    const values = outputs.map(({ value }) => value)
    return this.#patiently('commit to', () => this.#put(values, commit))
  }

  last(): Promise<Held | undefined> {
    return this.#patiently('read', () => this.#commits.held())
  }

  write(outputs: readonly unknown[]): Promise<void> {
    return this.#patiently('write to', () => this.#put(outputs, undefined))
  }

  flush(): Promise<void> {
    return this.#patiently('flush', () => {
      if (!this.#isFull && this.#isDirty) this.#synced(() => this.#commits.touch())
      this.#isDirty = false
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#db.close()
  }

  #put(values: readonly unknown[], commit: Commit | undefined): void {
    try {
      this.#transaction(() => {
        this.#advance(commit)
        this.#rows.insertAll(values)
      })
    } catch (thrown) {
      if (this.#refusalOf(thrown) === undefined) throw thrown
      this.#putEach(values, commit)
    }
    this.#isDirty = true
  }

  /** The same, row by row, so that those that are refused can be named. */
  #putEach(values: readonly unknown[], commit: Commit | undefined): void {
    try {
      this.#transaction(() => {
        this.#advance(commit)
        this.#insertEach(values)
      })
    } catch (thrown) {
      // COMMIT itself finds foreign keys that are deferred, and does not say whose.
      if (isConstraint(thrown)) this.#refuseDangling(values, thrown)
      throw thrown
    }
  }

  /** @throws CommitRefused */
  #advance(commit: Commit | undefined): void {
    if (commit === undefined || this.#commits.advance(commit)) return
    const { id, parent } = commit
    const { epoch, last } = this.#commits.read()
    throw new CommitRefused(
      epoch === id.epoch
        ? `${this.#path} holds the commit ${textOf(last)}, and ${textOf(parent)} was to be there: another one has committed since`
        : `${this.#path} has given the epoch ${epoch} since ${id.epoch}: another one has begun`,
    )
  }

  /**
   * Each row in a savepoint: a failed statement takes back what it did by itself, but for one that its
   * table or a trigger tells to keep it (FAIL), and what stayed would speak against the rows behind it.
   * @throws RejectedOutputs
   */
  #insertEach(values: readonly unknown[]): void {
    const rejected = new Map<number, Error>()
    for (const [at, value] of values.entries()) {
      this.#db.exec('SAVEPOINT one_row')
      try {
        this.#rows.insert(value)
        this.#db.exec('RELEASE one_row')
      } catch (thrown) {
        const reason = this.#refusalOf(thrown)
        if (reason === undefined) throw thrown
        rejected.set(at, reason)
        // ON CONFLICT ROLLBACK has ended all; of what follows nothing is to stay either.
        if (this.#db.inTransaction) this.#db.exec('ROLLBACK TO one_row; RELEASE one_row')
        else this.#begin.run()
      }
    }
    if (rejected.size > 0) throw new RejectedOutputs(rejected)
  }

  /** Why a single row is refused; undefined where the database as a whole has failed. */
  #refusalOf(thrown: unknown): Error | undefined {
    return refusalOf(thrown, this.#rows.what, () => this.#rows.isSound())
  }

  /** @throws RejectedOutputs of those whose foreign keys dangle; of all, where nobody can tell which do */
  #refuseDangling(values: readonly unknown[], thrown: unknown): never {
    return this.#transaction(() => {
      const rowids = values.map((value) => this.#rows.insert(value))
      const dangling = this.#rows.danglingRowids()
      const named = values.flatMap((_, at) =>
        dangling?.has(rowids[at] as number | bigint) === true ? [at] : [],
      )
      const reason = this.#refusalOf(thrown) as Error
      const refused = named.length > 0 ? named : [...values.keys()]
      throw new RejectedOutputs(new Map(refused.map((at) => [at, reason])))
    })
  }

  /** All or nothing; it is made and ended in this turn. */
  #transaction<R>(run: () => R): R {
    this.#undoOpen()
    this.#begin.run()
    try {
      const result = run()
      this.#end.run()
      return result
    } catch (thrown) {
      this.#undoOpen()
      throw thrown
    }
  }

  /** The same, on the disk when it returns. */
  #synced<R>(run: () => R): R {
    const wasFull = this.#isFull
    if (!wasFull) this.#sync(true)
    try {
      return this.#transaction(run)
    } finally {
      if (!wasFull) this.#sync(false)
    }
  }

  #undoOpen(): void {
    if (!this.#db.inTransaction) return
    try {
      this.#undo.run()
    } catch {
      // What failed has a reason of its own, and is told; the next transaction tries this again.
    }
  }

  #sync(isFull: boolean): void {
    this.#db.pragma(`main.synchronous = ${isFull ? 'FULL' : 'NORMAL'}`)
    this.#isFull = isFull
  }

  /** Runs it again while others hold the lock, which leaves nothing done; the thread goes on meanwhile. */
  async #patiently<R>(what: string, run: () => R): Promise<R> {
    this.#checkOpen()
    const untilMs = nowMs() + this.#busyMsMax
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMsMax, 2 * pauseMs)) {
      try {
        return run()
      } catch (thrown) {
        if (!isBusy(thrown) || nowMs() >= untilMs) throw sqliteError(this.#path, what, thrown)
      }
      await sleep(pauseMs)
      this.#checkOpen()
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError(`the sink sqlite(${this.#path}) is closed`)
  }
}

/** @throws SemelError `SEMEL_SINK` where the database has no such table or columns, or refuses the statement */
function rowsFor(db: Database, path: string, target: Target): Rows {
  return 'table' in target
    ? new TableRows(db, path, target.table, target.columns)
    : new StatementRows(db, path, target.sql, target.parameters)
}

function keepLog(db: Database, path: string): void {
  const [answer] = db.pragma('journal_mode = WAL') as readonly { readonly journal_mode: string }[]
  if (answer?.journal_mode === 'wal') return
  throw new SemelError(
    'SEMEL_SINK',
    `${path} takes no write-ahead log and stays in the mode ${answer?.journal_mode}; put it on a local disk, or give journal: 'keep'`,
  )
}

function textOf(id: CommitId | undefined): string {
  return id === undefined ? 'none' : `${id.lineage}/${id.epoch}/${id.n}`
}
