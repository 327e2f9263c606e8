import { SemelError } from '../../core/errors.js'
import type { Begun, Commit, CommitId, Held } from '../../core/transactional.js'
import { relation } from './catalog.js'
import { quoted, type Row, type Session } from './session.js'
import { commitsTable, layoutOf, layoutVersion, makeCommits } from './tables.js'

const columns = 'epoch, lineage, commit_epoch, n, through, positions'

/** Of the statement that advances. */
const parametersCount = 10

/**
 * The table `semel_commits` beside the outputs: a row for each shard of a pipeline, with the newest epoch
 * that was given and the newest commit.
 */
export class Commits {
  readonly #session: Session
  readonly #table: string
  readonly #pipeline: string
  readonly #shard: string
  readonly #durable: string
  /** The newest text. */
  #advancing: { readonly from: number; readonly sql: string } | undefined

  /**
   * Finds the table, and makes it where it is missing.
   * @param durable an expression by which the epoch is on the disk when it is given
   * @throws SemelError `SEMEL_FORMAT` where a newer version has made it
   */
  static async open(
    session: Session,
    schema: string | undefined,
    { pipeline, shard }: { readonly pipeline: string; readonly shard: number },
    durable: string,
  ): Promise<Commits> {
    let found = await relation(session, schema, commitsTable)
    if (found === undefined) {
      await makeCommits(session, schema)
      found = await relation(session, schema, commitsTable)
    }
    if (found === undefined) {
      throw new SemelError(
        'SEMEL_SINK',
        `${session.name}: there is no table ${commitsTable}; make it: semel postgres init`,
      )
    }
    const version = await layoutOf(session, found.oid)
    if (version > layoutVersion) {
      throw new SemelError(
        'SEMEL_FORMAT',
        `${session.name}: its table ${commitsTable} has layout ${version}, and this version of semel knows ${layoutVersion}; use the version that made it`,
      )
    }
    const table = `${quoted(found.schema)}.${quoted(commitsTable)}`
    return new Commits(session, table, pipeline, shard, durable)
  }

  private constructor(
    session: Session,
    table: string,
    pipeline: string,
    shard: number,
    durable: string,
  ) {
    this.#session = session
    this.#table = table
    this.#pipeline = pipeline
    this.#shard = String(shard)
    this.#durable = durable
  }

  /**
   * Raises the epoch. The row's lock is taken for it: a COMMIT that is under way has ended before, and
   * one that comes later finds another epoch.
   */
  begin(lineage: string): Promise<Begun> {
    return this.#session.transaction(this.#durable, async () => {
      const [raised] = await this.#session.ask(
        `INSERT INTO ${this.#table} AS held (pipeline, shard, epoch) VALUES ($1, $2, 1)
         ON CONFLICT (pipeline, shard) DO UPDATE SET epoch = held.epoch + 1
           WHERE held.lineage IS NULL OR held.lineage = $3
         RETURNING ${columns}`,
        [this.#pipeline, this.#shard, lineage],
      )
      return begunOf(raised ?? (await this.#row()))
    })
  }

  async held(): Promise<Held | undefined> {
    return heldOf(await this.#row())
  }

  /**
   * The statement that keeps a commit where its epoch is the newest one and its parent is what is held:
   * it changes one row, or none.
   * @param from the number of its first parameter
   */
  advancing(from: number): string {
    if (this.#advancing?.from !== from) this.#advancing = { from, sql: this.#advancingFrom(from) }
    return this.#advancing.sql
  }

  #advancingFrom(from: number): string {
    const [lineage, epoch, n, through, positions, pipeline, shard, ...parent] = Array.from(
      { length: parametersCount },
      (_, at) => `$${from + at}`,
    )
    const [parentLineage, parentEpoch, parentN] = parent
    return `UPDATE ${this.#table}
      SET lineage = ${lineage}::text, commit_epoch = ${epoch}::int8, n = ${n}::int8, through = ${through}::int8, positions = ${positions}::bytea
      WHERE pipeline = ${pipeline}::text AND shard = ${shard}::int4 AND epoch = ${epoch}::int8
        AND lineage IS NOT DISTINCT FROM ${parentLineage}::text
        AND commit_epoch IS NOT DISTINCT FROM ${parentEpoch}::int8
        AND n IS NOT DISTINCT FROM ${parentN}::int8
      RETURNING 1`
  }

  parametersOf(commit: Commit): readonly unknown[] {
    const { id, parent, through } = commit
    const positions = Buffer.from(commit.positions).toString('hex')
    return [
      id.lineage,
      String(id.epoch),
      String(id.n),
      String(through),
      `\\x${positions}`,
      this.#pipeline,
      this.#shard,
      parent?.lineage ?? null,
      parent === undefined ? null : String(parent.epoch),
      parent === undefined ? null : String(parent.n),
    ]
  }

  /** Why a commit was refused, for people. */
  async refusalOf({ id, parent }: Commit): Promise<string> {
    const row = await this.#row()
    const epoch = Number(row?.['epoch'] ?? 0)
    return epoch === id.epoch
      ? `${this.#session.name} holds the commit ${textOf(heldOf(row)?.id)}, and ${textOf(parent)} was to be there: another one has committed since`
      : `${this.#session.name} has given the epoch ${epoch} since ${id.epoch}: another one has begun`
  }

  async #row(): Promise<Row | undefined> {
    const [row] = await this.#session.ask(
      `SELECT ${columns} FROM ${this.#table} WHERE pipeline = $1 AND shard = $2`,
      [this.#pipeline, this.#shard],
    )
    return row
  }
}

function begunOf(row: Row | undefined): Begun {
  return { epoch: Number(row?.['epoch'] ?? 0), last: heldOf(row)?.id }
}

function heldOf(row: Row | undefined): Held | undefined {
  if (row === undefined) return undefined
  const { lineage, commit_epoch: epoch, n, through, positions } = row
  if (typeof lineage !== 'string') return undefined
  return {
    id: { lineage, epoch: Number(epoch), n: Number(n) },
    through: Number(through),
    positions: bytesOf(positions ?? ''),
  }
}

/** As `bytea_output` has it by default, `\x…`; the other form escapes octally. */
function bytesOf(text: string): Uint8Array {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  const raw = text.replaceAll(/\\(\\|[0-7]{3})/g, (_, escaped: string) =>
    escaped === '\\' ? '\\' : String.fromCodePoint(Number.parseInt(escaped, 8)),
  )
  return Buffer.from(raw, 'latin1')
}

function textOf(id: CommitId | undefined): string {
  return id === undefined ? 'none' : `${id.lineage}/${id.epoch}/${id.n}`
}
