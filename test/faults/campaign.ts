/** What every campaign is told. */
export interface CampaignOptions {
  /** All choices come from it. */
  readonly seed: string
  /** Cases side by side. */
  readonly lanes: number
  /** Where the cases' directories are made. */
  readonly dir: string
  /** Only cases whose setting's name holds one of these texts; none: all. */
  readonly only: readonly string[]
  /** Only the case of this number. */
  readonly caseId: number | undefined
  /** The file that keeps the results of kills, and from which a campaign goes on. */
  readonly kept: string | undefined
}

/** A line of the table. */
export interface Row {
  readonly fault: string
  readonly cases: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly outOfOrder: number
  /** Findings of every other kind. */
  readonly other: number
  readonly unknown: number
  /** Effects above the first of a message, where a delivery allows them. */
  readonly repeated: number
  readonly seconds: number
}

export interface CampaignResult {
  readonly rows: readonly Row[]
  /** What else is to be read of it, a line each. */
  readonly notes: readonly string[]
  /** What was wrong, a text each; empty where all is well. */
  readonly failures: readonly string[]
}

/** A campaign by the option that asks for it and says how much of it is wanted. */
export interface Campaign {
  readonly option: string
  readonly run: (amount: number, options: CampaignOptions) => Promise<CampaignResult>
}

/** A bug that was planted, and what came of it. */
export interface Caught {
  readonly bug: string
  /** The check that caught it; undefined: none did. */
  readonly check: string | undefined
  readonly detail: string
  readonly cases: number
  readonly kills: number
  readonly seconds: number
}
