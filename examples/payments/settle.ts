import { open, type Batch } from 'semel'
import type { Booking } from './payment.js'
import type { PaidOut } from './settlement.pipeline.js'

export interface Settlement {
  readonly batches: readonly Batch<Booking>[]
  /** Those that can't be paid out, and why. */
  readonly heldBack: readonly { readonly booking: Booking; readonly reason: string }[]
}

/**
 * Pays out what was booked. Acknowledged in batches, since nobody waits for a single payment here; each
 * has a status of its own.
 */
export async function settle(bookings: readonly Booking[], dir: string): Promise<Settlement> {
  const batches: Batch<Booking>[] = []
  await using stream = await open<Booking, readonly PaidOut[]>(
    new URL('./settlement.pipeline.js', import.meta.url),
    {
      dir,
      acknowledge: { batched: 200, within: '50ms', onBatch: (batch) => batches.push(batch) },
    },
  )
  const heldBack: { booking: Booking; reason: string }[] = []
  const statuses = await stream.sendMany(bookings)
  for (const [i, status] of statuses.entries()) {
    if (status.status !== 'acknowledged') throw status.error
    const { value } = status
    if (value.outcome !== 'dead-lettered') continue
    heldBack.push({ booking: bookings[i] as Booking, reason: value.error?.message ?? '' })
  }
  return { batches, heldBack }
}
