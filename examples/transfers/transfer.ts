/** Amounts are in cents. */
export interface Transfer {
  readonly id: number
  readonly from: number
  readonly to: number
  readonly cents: number
}

/** Both entries are one output, so that no reader ever sees one without the other. */
export interface Booked {
  readonly id: number
  readonly entries: readonly { readonly account: number; readonly cents: number }[]
}

/** A refusal is an outcome like any other, and nothing that another attempt would mend. */
export interface Refused {
  readonly id: number
  readonly refused: string
}

const accounts = 50

/** What may be moved at once. */
export const limitCents = 1_000_000

/** The transfer with this number, the same one whenever it is asked for. */
export function transferOf(id: number): Transfer {
  const from = (id * 7919) % accounts
  return {
    id,
    from,
    to: (from + 1 + (id % (accounts - 1))) % accounts,
    cents: id % 40 === 9 ? limitCents + id : 1 + ((id * 104_729) % 50_000),
  }
}

/** Some clients do not trust the first answer. */
export function isSentTwice(id: number): boolean {
  return id % 20 === 5
}
