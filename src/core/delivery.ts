/** What a crash may do to a message. */
export type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once'

/**
 * What a stored message survives.
 * - `memory`: nothing
 * - `process`: kill -9 of the process
 * - `{ interval }`: as `process`, and power loss but for the last `interval` ms
 * - `disk`: kill -9 and power loss, where the device honours a flush
 */
export type Durability = 'memory' | 'process' | 'disk' | { readonly interval: number }

export const deliveries: readonly Delivery[] = ['at-most-once', 'at-least-once', 'exactly-once']

/** A durability in a word, as the command line takes it: `interval:100`. */
export function durabilityText(durability: Durability): string {
  return typeof durability === 'object' ? `interval:${durability.interval}` : durability
}
