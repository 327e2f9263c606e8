import { cpSync, renameSync, rmSync } from 'node:fs'
import type { KeptCommit } from './kept-rows.js'
import type { Finding } from './finding.js'
import type { Ended } from './program.js'

/** A copy of a stream's directory, which is put back when the sink has gone on. */
export class Backup {
  readonly #data: string
  readonly #copy: string
  #commits: readonly KeptCommit[] | undefined
  #refused = 0

  /** @param data the stream's directory */
  constructor(data: string) {
    this.#data = data
    this.#copy = `${data}-copy`
  }

  /** How often it was put back and refused. */
  get refused(): number {
    return this.#refused
  }

  /** While nothing runs. @param commits that the sink holds */
  take(commits: readonly KeptCommit[]): void {
    cpSync(this.#data, this.#copy, { recursive: true })
    this.#commits = commits
  }

  /**
   * Puts it back, if the sink has gone on since, has it opened, which is to be refused, and then goes on
   * with the newest one.
   * @param commits that the sink holds
   */
  async tryOut(commits: readonly KeptCommit[], open: () => Promise<Ended>): Promise<Finding[]> {
    const before = this.#commits
    if (before === undefined) return []
    const isOlder = commits.some(({ shard, epoch, n }) => {
      const then = before.find((one) => one.shard === shard)
      return then?.epoch !== epoch || then.n !== n
    })
    const findings = isOlder ? await this.#tryOut(open) : []
    rmSync(this.#copy, { recursive: true })
    return findings
  }

  async #tryOut(open: () => Promise<Ended>): Promise<Finding[]> {
    const newest = `${this.#data}-newest`
    renameSync(this.#data, newest)
    cpSync(this.#copy, this.#data, { recursive: true })
    const { ledger, stderr } = await open()
    rmSync(this.#data, { recursive: true })
    renameSync(newest, this.#data)
    const wasOpened = ledger.includes('\nopened ')
    if (!wasOpened && stderr.includes('SEMEL_SINK_AHEAD')) {
      this.#refused += 1
      return []
    }
    const how = wasOpened ? 'was opened' : `was refused otherwise: ${stderr}`
    return [{ check: 'ended', text: `a directory that is older than the sink ${how}` }]
  }
}
