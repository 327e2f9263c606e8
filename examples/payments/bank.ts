import { setTimeout as sleep } from 'node:timers/promises'
import { askedFromCents, euros, openingCents, type Payment } from './payment.js'

const answerMs = 3
const askMs = 250

/**
 * Stands for a bank, another system: what is charged there is no output that semel could take back. So a
 * charge carries the payment's id, and a second one with the same id has no effect.
 */
export class Bank {
  readonly #left = new Map<string, number>()
  /** What was left behind each payment that was made. */
  readonly #made = new Map<string, number>()

  /**
   * Charges an account; what is left there.
   * @throws Error where there is too little
   */
  async charge({ id, account, cents }: Payment): Promise<number> {
    await sleep(cents >= askedFromCents ? askMs : answerMs)
    const made = this.#made.get(id)
    if (made !== undefined) return made
    const left = (this.#left.get(account) ?? openingCents) - cents
    if (left < 0) {
      throw new Error(
        `insufficient funds: ${account} has ${euros(left + cents)}, ${euros(cents)} were asked for`,
      )
    }
    this.#left.set(account, left)
    this.#made.set(id, left)
    return left
  }
}
