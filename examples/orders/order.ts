/** Prices are in cents. */
export interface Order {
  readonly id: number
  readonly customer: number
  readonly pieces: number
  readonly price: number
}

export interface Placed {
  readonly id: number
  readonly customer: number
  readonly total: number
  /** How often the stock had to be asked. */
  readonly attempts: number
}

const customers = 200

/** The order with this number, the same one whenever it is asked for. */
export function orderOf(id: number): Order {
  return {
    id,
    customer: (id * 7919) % customers,
    pieces: 1 + (id % 5),
    price: 100 + ((id * 31) % 9900),
  }
}

/** Some customers press the button twice. */
export function isSentTwice(id: number): boolean {
  return id % 25 === 3
}
