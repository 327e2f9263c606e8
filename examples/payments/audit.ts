import { closedShop, type Asked, type Entry } from './payment.js'

export interface Books {
  /** By key. */
  readonly payments: ReadonlyMap<string, Asked>
  /** The keys that were answered. */
  readonly accepted: readonly string[]
  /** All rows of the ledger. */
  readonly entries: readonly Entry[]
  /** The keys of dead letters. */
  readonly refused: readonly string[]
}

/** What does not add up; nothing, where every payment is booked once and no money came or went. */
export function audit({ payments, accepted, entries, refused }: Books): string[] {
  const wrong: string[] = []
  const booked = new Map<string, Entry[]>()
  for (const entry of entries) {
    const own = booked.get(entry.payment)
    if (own === undefined) booked.set(entry.payment, [entry])
    else own.push(entry)
  }
  for (const [key, { from, to, cents }] of payments) {
    const due = to === closedShop ? [] : [`${from} ${-cents}`, `${to} ${cents}`]
    const found = (booked.get(key) ?? []).map((entry) => `${entry.account} ${entry.cents}`)
    if (found.toSorted().join() !== due.toSorted().join()) {
      wrong.push(`${key}: booked as [${found.join(', ')}] instead of [${due.join(', ')}]`)
    }
    const letters = refused.filter((one) => one === key).length
    if (letters !== (to === closedShop ? 1 : 0)) wrong.push(`${key}: refused ${letters} times`)
  }
  for (const key of booked.keys()) {
    if (!payments.has(key)) wrong.push(`${key}: booked, and nobody has asked for it`)
  }
  const answered = new Set(accepted)
  for (const key of payments.keys()) {
    if (!answered.has(key)) wrong.push(`${key}: never answered`)
  }
  const sum = entries.reduce((total, { cents }) => total + cents, 0)
  if (sum !== 0) wrong.push(`the sum of all entries: ${sum}`)
  return wrong
}
