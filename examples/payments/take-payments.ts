import { AckTimeoutError, open, type End } from 'semel'
import { Latencies } from '../latencies.js'
import { openLoop, type Sent } from '../open-loop.js'
import { atTheTill, type Booking, type Payment } from './payment.js'

/** What the shops and the till have heard. */
export interface Heard {
  readonly sent: Sent
  /** From when a payment was due until its shop had the receipt. */
  readonly accepted: Latencies
  readonly copies: number
  /** How the payments ended, in the order in which that was known. */
  readonly ends: readonly End[]
  readonly till: {
    readonly unknown: AckTimeoutError | undefined
    readonly sentAgain: End
    readonly late: End | undefined
  }
}

const perSecond = 400
/** How long a till waits for an outcome. */
const tillMs = 100

/** Each twentieth is sent again, by a shop that has not seen the receipt. */
export function isSentTwice(number: number): boolean {
  return number % 20 === 7
}

/**
 * Takes the payments that shops hand in, each with a receipt as soon as it is safe; what the bank makes of
 * them is heard later. Acknowledged when `stored`, since no shop waits for a bank; exactly-once at `disk`,
 * since what was accepted must neither go with the power nor be charged again.
 */
export async function takePayments(payments: readonly Payment[], dir: string): Promise<Heard> {
  await using stream = await open<Payment, Booking>(
    new URL('./payments.pipeline.js', import.meta.url),
    { dir, acknowledge: 'stored' },
  )
  const accepted = new Latencies()
  const outcomes: Promise<End>[] = []
  let copies = 0

  const handIn = async (payment: Payment, dueMs: number): Promise<void> => {
    const receipt = await stream.send(payment)
    accepted.since(dueMs)
    outcomes.push(receipt.outcome)
  }

  /** A till wants the outcome, and not for ever: this call asks for more than the stream gives. */
  const payAtTheTill = async (): Promise<Heard['till']> => {
    let unknown: AckTimeoutError | undefined
    let late: End | undefined
    stream.once('late-outcome', (end) => {
      late = end
    })
    try {
      await stream.send(atTheTill, { acknowledge: 'processed', timeout: tillMs })
    } catch (error) {
      if (!(error instanceof AckTimeoutError)) throw error
      unknown = error
    }
    // Unknown is not failed: the same payment once more is a copy, if the first one was stored.
    const sentAgain = await stream.send(atTheTill, { acknowledge: 'processed' })
    return { unknown, sentAgain, late }
  }

  const paying = payAtTheTill()
  const sent = await openLoop(
    { perSecond, seconds: payments.length / perSecond, waiting: 'timer' },
    async (number, dueMs) => {
      const payment = payments[number] as Payment
      const handedIn = [handIn(payment, dueMs)]
      if (isSentTwice(number)) {
        copies += 1
        handedIn.push(handIn(payment, dueMs))
      }
      await Promise.all(handedIn)
    },
  )
  return { sent, accepted, copies, ends: await Promise.all(outcomes), till: await paying }
}
