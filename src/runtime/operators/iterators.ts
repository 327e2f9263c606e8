import { within } from '../../core/waiting/timers.js'

/** How long an iterator that is not read to its end may take to close. */
const closeMsMax = 1000

/** Closes an iterator that is not read to its end. What it says to that is not told: another error is. */
export function closing(iterator: Iterator<unknown> | AsyncIterator<unknown>): unknown {
  try {
    return iterator.return?.()
  } catch {
    return undefined
  }
}

/** Waits for it as well, so that what it holds is free at the next attempt; but not for ever. */
export async function closingSoon(iterator: AsyncIterator<unknown>): Promise<void> {
  await within(closed(iterator), closeMsMax)
}

async function closed(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await closing(iterator)
  } catch {
    // As above.
  }
}
