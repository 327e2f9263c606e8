/** What was wrong in a case, by the check that saw it. */
export interface Finding {
  readonly check: Check
  /** Of a single message: its id. */
  readonly id?: number
  readonly text: string
}

export const checks = [
  /** Acknowledged, and not there. */
  'lost',
  /** Took effect more often than its delivery allows. */
  'twice',
  'out of order',
  /** Took effect although it was refused or never sent. */
  'phantom',
  /** A dead letter is missing, is there twice, or is none. */
  'dead letters',
  /** The counters do not add up, or a restart has changed them. */
  'conservation',
  /** Debits and credits of committed transfers do not add up to nothing. */
  'sum',
  /** Committed outputs have changed, or lie beyond the sink. */
  'committed',
  /** A sequence was given twice, or a receipt names one that is not stored. */
  'receipt',
  /** An opening did not raise the epoch. */
  'epoch',
  /** A source was told what it should not have been. */
  'upstream',
  /** It did not open, failed by itself, or did not end in time. */
  'ended',
] as const
export type Check = (typeof checks)[number]
