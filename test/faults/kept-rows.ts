import type { Finding } from './finding.js'
import type { Output } from './messages.js'

/** A row as the sink has it: by which commit it came, and from which message. */
export interface KeptRow extends Output {
  readonly shard: number
  readonly epoch: number
  readonly n: number
  readonly sequence: number
}

/** A shard's newest commit, as the sink keeps it beside the outputs. */
export interface KeptCommit {
  readonly shard: number
  readonly lineage: string
  readonly epoch: number
  readonly n: number
  readonly through: number
}

/** What a database holds at one moment; rows in the order in which they came, of each shard at least. */
export interface Kept {
  readonly rows: readonly KeptRow[]
  readonly commits: readonly KeptCommit[]
}

/** The database that the outputs of a case go to, as its parent sees it. */
export interface CaseDatabase {
  /** As of the last reading. */
  readonly commits: readonly KeptCommit[]
  /** With the table that outputs go to. */
  create(): Promise<void>
  /** Looks on while a life runs. */
  beginLife(): void
  endLife(): Promise<readonly Finding[]>
  /** While nothing runs. */
  read(): Promise<readonly Finding[]>
  /** What it holds, in the order in which it came, shard by shard. */
  outputs(): Promise<Output[]>
  close(): Promise<void>
}

/**
 * What a reader has seen of a database after every kill: it must stay, no message is there twice,
 * transfers add up to nothing, and each shard's newest row came by the commit that the sink names as its
 * last.
 */
export class KeptRows {
  #seen = new Map<number, readonly string[]>()
  #commits: readonly KeptCommit[] = []

  get commits(): readonly KeptCommit[] {
    return this.#commits
  }

  check({ rows, commits }: Kept): Finding[] {
    this.#commits = commits
    const texts = new Map<number, string[]>()
    for (const row of rows) {
      const text = JSON.stringify(row)
      const ofShard = texts.get(row.shard)
      if (ofShard === undefined) texts.set(row.shard, [text])
      else ofShard.push(text)
    }
    for (const [shard, seen] of this.#seen) {
      const now = texts.get(shard) ?? []
      const changed = seen.findIndex((text, at) => text !== now[at])
      if (changed < 0) continue
      const text = `row ${changed} of shard ${shard} was ${seen[changed]}, and is ${now[changed] ?? 'gone'}`
      return [{ check: 'committed', text }]
    }
    this.#seen = texts
    return checkKept({ rows, commits })
  }
}

/** What can be said of one reading. */
export function checkKept({ rows, commits }: Kept): Finding[] {
  return [...checkTwice(rows), ...checkSum(rows), ...checkLast(rows, commits)]
}

function checkTwice(rows: readonly KeptRow[]): Finding[] {
  const seen = new Set<string>()
  return rows.flatMap(({ id, part }): Finding[] => {
    const name = `${id}/${part}`
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ check: 'twice', id, text: `message ${id} is twice in what was committed` }]
  })
}

function checkSum(rows: readonly KeptRow[]): Finding[] {
  const sum = rows.reduce((total, { amount }) => total + amount, 0)
  return sum === 0 ? [] : [{ check: 'sum', text: `the transfers that are committed sum to ${sum}` }]
}

function checkLast(rows: readonly KeptRow[], commits: readonly KeptCommit[]): Finding[] {
  const newest = new Map<number, KeptRow>()
  const findings: Finding[] = []
  for (const row of rows) {
    const { shard, epoch, n } = row
    const before = newest.get(shard)
    if (before !== undefined && (epoch < before.epoch || n < before.n)) {
      const text = `shard ${shard} has a row of commit ${epoch}/${n} behind one of ${before.epoch}/${before.n}`
      findings.push({ check: 'committed', text })
    }
    newest.set(shard, row)
  }
  const shards = new Set([...newest.keys(), ...commits.map(({ shard }) => shard)])
  for (const shard of shards) {
    const row = newest.get(shard)
    const kept = commits.find((one) => one.shard === shard)
    const isSame = row?.epoch === kept?.epoch && row?.n === kept?.n
    if (isSame && (row?.sequence ?? 0) <= (kept?.through ?? 0)) continue
    const text = `shard ${shard} has the commit ${JSON.stringify(kept)}, and its newest row is ${JSON.stringify(row)}`
    findings.push({ check: 'committed', text })
  }
  return findings
}
