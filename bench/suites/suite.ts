import type { Job, Plan, Result } from 'semel/measure'

/** Cases that are measured in turns and printed together. */
export interface Suite {
  readonly name: string
  jobs(setting: Setting): Job[] | Promise<Job[]>
  /** Where more children than one for each case are worth their time. */
  readonly rounds?: number
  /** What the results, and those of the suites before, allow to be said besides. */
  conclude?(setting: Setting, own: readonly Result[], before: readonly Result[]): Result[]
}

/** How thoroughly it is measured. */
export interface Setting {
  readonly isSmoke: boolean
  /** A factor of all times. */
  readonly pace: number
  /** The path of a file with these messages, the same one for the same name. */
  sample(name: string, messages: () => readonly unknown[]): string
}

/** What most suites measure with. */
export const usual = {
  ownSink: false,
  seconds: 1,
  runs: 1,
  shards: 1,
  workers: 1,
  waiting: 'balanced',
} as const satisfies Partial<Plan>
