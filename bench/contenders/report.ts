import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Delivery } from 'semel'
import { root } from './packages.js'

/** What the bench writes as JSON. */
export interface Report {
  readonly machine: Machine
  /** ISO 8601. */
  readonly date: string
  readonly versions: Readonly<Record<string, string>>
  readonly results: readonly Result[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly os: string
}

/** Of several runs. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Result {
  readonly case: string
  readonly suite: 'contenders'
  readonly delivery: Delivery
  /** The sender waits for all messages together, at the end. */
  readonly acknowledge: 'batched'
  readonly durability: 'memory' | 'process' | 'disk'
  readonly message: 'object'
  /** `semel`, or another system that does the same. */
  readonly contender: string
  readonly settings: string
  /** It was not measured: why, and the remedy. */
  readonly missing?: string
  /** It was tried, and ended so. */
  readonly failed?: string
  readonly runs?: number
  readonly messagesPerSecond?: Spread
}

export function reportOf(
  results: readonly Result[],
  others: Readonly<Record<string, string>>,
): Report {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: `${process.platform} ${process.arch}`,
    },
    date: new Date().toISOString(),
    versions: { semel: version, node: process.versions.node, v8: process.versions.v8, ...others },
    results,
  }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] as number
  const high = sorted[Math.floor(middle)] as number
  return { median: (low + high) / 2, min: sorted[0] as number, max: sorted.at(-1) as number }
}
