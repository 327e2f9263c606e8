import type { Client } from 'pg'
import type { Finding } from '../finding.js'
import { pause } from './pause.js'

/** Between two looks. */
const restMs = 10

/**
 * Looks at the table while a life commits to it: at each moment debits and credits add up to nothing, no
 * message is there twice, and nothing that was there is gone.
 */
export class Looker {
  readonly #connect: () => Promise<Client>
  readonly #stays: boolean
  readonly #findings: Finding[] = []
  readonly #done: Promise<void>
  #hasEnded = false
  #most = 0

  /** @param stays whether what it has seen may never be gone */
  constructor(connect: () => Promise<Client>, stays: boolean) {
    this.#connect = connect
    this.#stays = stays
    this.#done = this.#run()
  }

  async end(): Promise<readonly Finding[]> {
    this.#hasEnded = true
    await this.#done
    return this.#findings
  }

  async #run(): Promise<void> {
    while (!this.#hasEnded) {
      let client: Client | undefined
      try {
        client = await this.#connect()
        while (!this.#hasEnded) {
          await this.#look(client)
          await pause(restMs)
        }
      } catch {
        // The server is down, and may be started again.
        await pause(restMs)
      } finally {
        await client?.end().catch(() => {})
      }
    }
  }

  async #look(client: Client): Promise<void> {
    const { rows } = await client.query(
      `SELECT coalesce(sum(amount), 0)::float8 AS sum, count(*)::float8 AS rows,
              count(DISTINCT (id, part))::float8 AS messages FROM outputs`,
    )
    const seen = rows[0] as { sum: number; rows: number; messages: number }
    if (seen.sum !== 0) this.#found('sum', `a reader saw transfers that sum to ${seen.sum}`)
    if (seen.rows !== seen.messages) {
      this.#found('twice', `a reader saw ${seen.rows} rows of ${seen.messages} outputs`)
    }
    if (this.#stays && seen.rows < this.#most) {
      this.#found('committed', `a reader saw ${this.#most} rows, and then ${seen.rows}`)
    }
    this.#most = Math.max(this.#most, seen.rows)
  }

  #found(check: Finding['check'], text: string): void {
    if (this.#findings.length < 3) this.#findings.push({ check, text })
  }
}
