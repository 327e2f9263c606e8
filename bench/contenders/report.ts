import type { Delivery } from 'semel'
import {
  reportOf as reportOfAny,
  type Report as AnyReport,
  type Result as AnyResult,
} from 'semel/measure'

export { spread } from 'semel/measure'

/** What any measuring program prints as JSON, of contenders. */
export interface Report extends AnyReport {
  readonly results: readonly Result[]
}

export interface Result extends AnyResult {
  readonly suite: 'contenders'
  readonly delivery: Delivery
  /** The sender waits for all messages together, at the end. */
  readonly acknowledge: 'batched'
  readonly durability: 'memory' | 'process' | 'disk'
  readonly message: 'object'
  readonly contender: string
  readonly settings: string
  /** It was tried, and ended so. */
  readonly failed?: string
}

export function reportOf(
  results: readonly Result[],
  others: Readonly<Record<string, string>>,
): Report {
  return { ...reportOfAny(results, others), results }
}
