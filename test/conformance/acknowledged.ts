import { fixed, forEach, open, pipeline, type Definition, type Stream } from 'semel'
import { small } from '../runtime/verbs.js'

export interface Order {
  readonly id: number
  readonly key?: number
}

export type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once'

export const orders = (count: number): Order[] => Array.from({ length: count }, (_, id) => ({ id }))
export const numbered = (a: number, b: number): number => a - b

/** Outputs go to `took`. */
export function pipelineOf(
  delivery: Delivery,
  took: (id: number) => unknown,
  more: { attempts?: number } = {},
): Definition<Order> {
  const accepted = pipeline('orders').accepts<Order>()
  const delivered =
    delivery === 'exactly-once'
      ? accepted.deliver(delivery, { id: ({ id }) => id, window: '1h' })
      : accepted.deliver(delivery)
  return delivered
    .keyBy(({ id, key }) => key ?? id)
    .retry({ attempts: more.attempts ?? 1, backoff: fixed('1ms') })
    .to(forEach(({ id }: Order) => took(id), { idempotent: true }))
}

export async function opened(
  definition: Definition<Order>,
  dir: string,
  more: Parameters<typeof open>[1] = {},
): Promise<Stream<Order>> {
  return open<Order>(definition, { ...small, dir, workers: 0, durability: 'process', ...more })
}

export const durabilities = (delivery: Delivery): object =>
  delivery === 'at-most-once' ? { durability: 'memory' } : {}
