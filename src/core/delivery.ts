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
