/** An order as a client sends it. */
export interface Order {
  /** The client's own, the same when it sends the order again: 1 to 64 letters, digits or hyphens. */
  readonly id: string
  readonly customer: string
  readonly article: string
  readonly pieces: number
}

/** What is kept of it. */
export interface Placed extends Order {
  readonly cents: number
}

const centsOf = new Map([
  ['cup', 1250],
  ['pot', 4900],
])

/** @throws where there is no such article: another attempt won't find it either, and the order is a dead letter */
export function priced(order: Order): Placed {
  const cents = centsOf.get(order.article)
  if (cents === undefined) throw new Error(`there is no article ${JSON.stringify(order.article)}`)
  return { ...order, cents: cents * order.pieces }
}

/** Why a body is no order; undefined where it is one. */
export function faultOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return 'give an object'
  const { id, customer, article, pieces } = body as Partial<Record<keyof Order, unknown>>
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id))
    return 'id: give 1 to 64 letters, digits or hyphens'
  if (typeof customer !== 'string' || customer === '') return 'customer: give a text'
  if (typeof article !== 'string' || article === '') return 'article: give a text'
  if (!Number.isSafeInteger(pieces) || (pieces as number) < 1)
    return 'pieces: give a whole number from 1'
  return undefined
}
