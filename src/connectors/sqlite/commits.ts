import { SemelError } from '../../core/errors.js'
import type { Commit, CommitId, Held } from '../../core/transactional.js'
import type { Database, Statement } from './driver.js'

/** Of the two tables; a newer one is not touched. The first had no positions. */
const layoutVersion = 2
const layoutWithoutPositions = 1

interface Row {
  readonly epoch: number
  readonly lineage: string | null
  readonly commit_epoch: number | null
  readonly n: number | null
}

interface HeldRow extends Row {
  readonly through: number | null
  /** Null of a commit from before they were kept. */
  readonly positions: Buffer | null
}

/**
 * The table `semel_commits` beside the outputs: a row for each shard of a pipeline, with the newest epoch
 * that was given and the newest commit. What changes it is called in a transaction.
 */
export class Commits {
  readonly #pipeline: string
  readonly #shard: number
  readonly #read: Statement
  readonly #readHeld: Statement
  readonly #raise: Statement
  readonly #advance: Statement
  readonly #touch: Statement

  /** @throws SemelError `SEMEL_FORMAT` where a newer version has made the table */
  static open(db: Database, path: string, pipeline: string, shard: number): Commits {
    db.exec(`
      CREATE TABLE IF NOT EXISTS main.semel_layout (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        flushes INTEGER NOT NULL DEFAULT 0
      );
      CREATE TABLE IF NOT EXISTS main.semel_commits (
        pipeline TEXT NOT NULL,
        shard INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        lineage TEXT,
        commit_epoch INTEGER,
        n INTEGER,
        through INTEGER,
        positions BLOB,
        PRIMARY KEY (pipeline, shard)
      ) WITHOUT ROWID;
      INSERT OR IGNORE INTO main.semel_layout (id, version) VALUES (1, ${layoutVersion})`)
    const { version } = db.prepare('SELECT version FROM main.semel_layout').get() as {
      readonly version: number
    }
    if (version === layoutWithoutPositions) {
      db.exec(`
        ALTER TABLE main.semel_commits ADD COLUMN positions BLOB;
        UPDATE main.semel_layout SET version = ${layoutVersion}`)
    } else if (version !== layoutVersion) {
      throw new SemelError(
        'SEMEL_FORMAT',
        `${path}: its table semel_commits has layout ${version}, and this version of semel knows ${layoutVersion}; use the version that made it`,
      )
    }
    return new Commits(db, pipeline, shard)
  }

  private constructor(db: Database, pipeline: string, shard: number) {
    this.#pipeline = pipeline
    this.#shard = shard
    this.#read = db.prepare(
      'SELECT epoch, lineage, commit_epoch, n FROM main.semel_commits WHERE pipeline = ? AND shard = ?',
    )
    this.#readHeld = db.prepare(
      'SELECT epoch, lineage, commit_epoch, n, through, positions FROM main.semel_commits WHERE pipeline = ? AND shard = ?',
    )
    this.#raise = db.prepare(
      'INSERT INTO main.semel_commits (pipeline, shard, epoch) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET epoch = epoch + 1',
    )
    this.#advance = db.prepare(
      `UPDATE main.semel_commits SET lineage = ?, commit_epoch = ?, n = ?, through = ?, positions = ?
       WHERE pipeline = ? AND shard = ? AND epoch = ? AND lineage IS ? AND commit_epoch IS ? AND n IS ?`,
    )
    this.#touch = db.prepare('UPDATE main.semel_layout SET flushes = flushes + 1')
  }

  read(): { readonly epoch: number; readonly last: CommitId | undefined } {
    const row = this.#read.get(this.#pipeline, this.#shard) as Row | undefined
    if (row === undefined) return { epoch: 0, last: undefined }
    return { epoch: row.epoch, last: idOf(row) }
  }

  held(): Held | undefined {
    const row = this.#readHeld.get(this.#pipeline, this.#shard) as HeldRow | undefined
    const id = row === undefined ? undefined : idOf(row)
    if (row === undefined || id === undefined) return undefined
    return { id, through: row.through ?? 0, positions: row.positions ?? new Uint8Array() }
  }

  raise(): void {
    this.#raise.run(this.#pipeline, this.#shard)
  }

  /** Keeps a commit, where its epoch is the newest one and its parent is what is kept; else answers false. */
  advance({ id, parent, through, positions }: Commit): boolean {
    const { changes } = this.#advance.run(
      id.lineage,
      id.epoch,
      id.n,
      through,
      positions,
      this.#pipeline,
      this.#shard,
      id.epoch,
      parent?.lineage ?? null,
      parent?.epoch ?? null,
      parent?.n ?? null,
    )
    return changes === 1
  }

  /** Changes something, so that a sync of the database has something to sync. */
  touch(): void {
    this.#touch.run()
  }
}

function idOf({ lineage, commit_epoch: epoch, n }: Row): CommitId | undefined {
  return lineage === null || epoch === null || n === null ? undefined : { lineage, epoch, n }
}
