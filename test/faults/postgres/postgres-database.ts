import { writeFileSync } from 'node:fs'
import { Client } from 'pg'
import type { Finding } from '../finding.js'
import { KeptRows, type CaseDatabase, type Kept, type KeptCommit } from '../kept-rows.js'
import type { Output } from '../messages.js'
import type { Random } from '../random.js'
import { Looker } from './looker.js'
import { pause } from './pause.js'
import { Proxy, type Cut } from './proxy.js'

/** The server of a case, whichever it is at the moment. */
export interface Hosting {
  readonly port: number
  /** Whether a commit that somebody has seen may be gone. */
  readonly mayTakeBack: boolean
}

export interface PostgresCase {
  readonly hosting: Hosting
  /** A name that no other case has. */
  readonly name: string
  /** The file that children read its address from. */
  readonly path: string
  /** Of the proxy's cuts. */
  readonly random: Random | undefined
  /** What happens to the server in a life. */
  readonly besides?: () => Promise<void>
}

/** So long is waited for a server that is started again, and for what a killed child has left. */
const patienceMs = 30_000

/** A database of a PostgreSQL server, which its children come to by a proxy. */
export class PostgresDatabase implements CaseDatabase {
  readonly #of: PostgresCase
  readonly #proxy: Proxy
  readonly #kept = new KeptRows()
  #looker: Looker | undefined
  #besides: Promise<void> | undefined

  constructor(of: PostgresCase) {
    this.#of = of
    this.#proxy = new Proxy(() => of.hosting.port, of.random)
  }

  get commits(): readonly KeptCommit[] {
    return this.#kept.commits
  }

  get cuts(): ReadonlyMap<Cut, number> {
    return this.#proxy.made
  }

  async create(): Promise<void> {
    const { name, path } = this.#of
    await this.#ask('postgres', [
      `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`,
      `CREATE DATABASE ${name}`,
    ])
    await this.#ask(name, [
      `CREATE TABLE IF NOT EXISTS outputs (
        at bigserial, shard int NOT NULL, epoch bigint NOT NULL, n bigint NOT NULL, sequence bigint NOT NULL,
        id bigint NOT NULL, key text NOT NULL, part int NOT NULL, amount bigint NOT NULL,
        refused int CHECK (refused IS NULL)
      )`,
    ])
    const port = await this.#proxy.listen()
    writeFileSync(path, `postgres://postgres@127.0.0.1:${port}/${name}`)
  }

  beginLife(): void {
    const { hosting, besides } = this.#of
    this.#besides = besides?.()
    this.#looker = new Looker(() => this.#connect(this.#of.name), !hosting.mayTakeBack)
  }

  async endLife(): Promise<readonly Finding[]> {
    await this.#besides
    return (await this.#looker?.end()) ?? []
  }

  async read(): Promise<readonly Finding[]> {
    return this.#kept.check(await this.load())
  }

  /** What it holds, when nothing that a killed child has left is under way. */
  async load(): Promise<Kept> {
    await this.#settle()
    const columns = ['shard', 'epoch', 'n', 'sequence', 'id', 'part', 'amount']
    return this.#asked(this.#of.name, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      const { rows } = await client.query(
        `SELECT ${columns.map((name) => `${name}::float8`).join(', ')}, key FROM outputs ORDER BY shard, at`,
      )
      const commits = (await hasCommits(client))
        ? await client.query(
            `SELECT shard, lineage, commit_epoch::float8 AS epoch, n::float8, through::float8
               FROM semel_commits WHERE n IS NOT NULL ORDER BY shard`,
          )
        : { rows: [] }
      return { rows: rows as Kept['rows'], commits: commits.rows as KeptCommit[] }
    })
  }

  /** What semel keeps there of its own, as a text. */
  async state(): Promise<string> {
    await this.#settle()
    return this.#asked(this.#of.name, async (client) => {
      if (!(await hasCommits(client))) return 'none'
      const { rows } = await client.query('SELECT * FROM semel_commits ORDER BY shard')
      return JSON.stringify(rows)
    })
  }

  async outputs(): Promise<Output[]> {
    const { rows } = await this.load()
    return rows.map(({ id, key, part, amount }) => ({ id, key, part, amount }))
  }

  async close(): Promise<void> {
    this.#proxy.close()
    await this.#ask('postgres', [`DROP DATABASE IF EXISTS ${this.#of.name} WITH (FORCE)`])
  }

  /** Until nobody is connected any more for a child that has ended. */
  async #settle(): Promise<void> {
    const { name } = this.#of
    const until = performance.now() + patienceMs
    for (;;) {
      const left = await this.#asked('postgres', async (client) => {
        const { rowCount } = await client.query(
          "SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'semel %'",
          [name],
        )
        return rowCount
      })
      if (left === 0) return
      if (performance.now() > until) throw new Error(`${left} connections to ${name} do not end`)
      await pause(5)
    }
  }

  async #ask(database: string, statements: readonly string[]): Promise<void> {
    await this.#asked(database, async (client) => {
      for (const statement of statements) await client.query(statement)
    })
  }

  /** Past the proxy, of a server that may be down for a while; called again where the connection is lost. */
  async #asked<R>(database: string, ask: (client: Client) => Promise<R>): Promise<R> {
    const until = performance.now() + patienceMs
    for (;;) {
      let client: Client | undefined
      try {
        client = await this.#connect(database)
        return await ask(client)
      } catch (thrown) {
        if (performance.now() > until) throw thrown
        await pause(20)
      } finally {
        await client?.end().catch(() => {})
      }
    }
  }

  async #connect(database: string): Promise<Client> {
    const { port } = this.#of.hosting
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database })
    client.on('error', () => {})
    await client.connect()
    return client
  }
}

/** Nobody has opened the stream before it is there. */
async function hasCommits(client: Client): Promise<boolean> {
  const { rows } = await client.query("SELECT to_regclass('semel_commits') AS table")
  return (rows[0] as { readonly table: unknown }).table !== null
}
