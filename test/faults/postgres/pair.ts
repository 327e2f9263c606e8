import { Server } from '../../connectors/postgres/server.js'
import { pause } from './pause.js'
import type { Hosting } from './postgres-database.js'

/** A primary and its standby, which takes over when the primary is killed. */
export class Pair implements Hosting {
  readonly #settings: Readonly<Record<string, string>>
  /** A commit that is given up while it waits for the standby is seen, and may be gone with the primary. */
  readonly mayTakeBack = true
  #primary: Server
  #standby: Server
  #failovers = 0

  /** @param isSynchronous whether a commit waits until the standby has it */
  static async start(isSynchronous: boolean): Promise<Pair> {
    const settings: Readonly<Record<string, string>> = isSynchronous
      ? { synchronous_standby_names: 'walreceiver' }
      : {}
    const primary = await Server.start(settings)
    return new Pair(primary, await primary.standby(settings), settings)
  }

  private constructor(
    primary: Server,
    standby: Server,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#primary = primary
    this.#standby = standby
    this.#settings = settings
  }

  get port(): number {
    return this.#primary.port
  }

  get failovers(): number {
    return this.#failovers
  }

  /** Until the standby has all that the primary has. */
  async catchUp(): Promise<void> {
    const sql = 'SELECT FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()'
    while ((await this.#primary.ask(sql)).length === 0) await pause(10)
  }

  /** From here on the primary has commits that the standby has not. */
  async loseStandby(): Promise<void> {
    await this.#standby.kill()
  }

  /** The standby takes over with what it has, and gets one of its own. */
  async failOver(): Promise<void> {
    const old = this.#primary
    await old.kill()
    if (!this.#standby.isRunning) await this.#standby.run(this.#settings)
    await this.#standby.promote()
    this.#primary = this.#standby
    this.#failovers += 1
    this.#standby = await this.#primary.standby(this.#settings)
    await old.dispose()
  }

  async dispose(): Promise<void> {
    await this.#standby.dispose()
    await this.#primary.dispose()
  }
}
