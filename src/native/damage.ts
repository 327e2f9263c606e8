/** Sequences of a shard, both ends included. */
export interface SequenceRange {
  readonly first: number
  readonly last: number
}

/**
 * Something about a directory that an operator should know.
 *
 * - `damage`: bytes that do not check
 * - `missing`: a file that must be there
 * - `foreign`: a file of another stream, shard or version
 * - `torn-tail`: what a crash left half written; opening cuts it, and nothing acknowledged is in it
 * - `leftover`: a file that a crash or a repair left; it does no harm
 *
 * The first three keep the stream from opening.
 */
export type FindingKind = 'damage' | 'missing' | 'foreign' | 'torn-tail' | 'leftover'

export interface Finding {
  readonly kind: FindingKind
  /** Missing where it concerns the whole directory. */
  readonly shard?: number
  readonly path: string
  /** In the file, in bytes. */
  readonly offset: number
  readonly what: string
}

/** What damage costs a shard, once it is repaired. Empty lists: nothing. */
export interface ShardDamage {
  readonly shard: number
  readonly damaged: boolean
  /** Stored messages that are gone before they were done. */
  readonly lost: readonly SequenceRange[]
  /** Messages that may take effect a second time. */
  readonly again: readonly SequenceRange[]
  /** Messages that were done, or else parked and lost: nothing tells which. */
  readonly unknown: readonly SequenceRange[]
  /** Done messages whose ids are forgotten: a copy that is sent again takes effect again. */
  readonly forgotten: readonly SequenceRange[]
  /** Numbers of dead letters that are gone, those included that had been retried or dropped. */
  readonly deadLettersLost: readonly SequenceRange[]
  /** Behind this sequence more may have been stored, which nothing tells of. */
  readonly unknownBehind?: number
}

export interface VerificationReport {
  /** The pipeline's name; empty where the manifest can't be read. */
  readonly name: string
  /** The pid of the process that has it open, beside which findings may be of the moment; 0: none. */
  readonly holder: number
  /** Whether a finding keeps the stream from opening. */
  readonly damaged: boolean
  readonly findings: readonly Finding[]
  readonly shards: readonly ShardDamage[]
}

export interface RepairReport {
  /** As it was found before. */
  readonly found: VerificationReport
  /** What was done, or would be; empty where nothing is to be done or something is refused. */
  readonly steps: readonly string[]
  /** Why it can't be repaired; then nothing was changed. */
  readonly refusals: readonly string[]
  /** The folder in the directory with the files as they were; empty where none was changed. */
  readonly originals: string
}
