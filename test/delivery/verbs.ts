import type { Delivery } from '../../src/core/delivery.js'
import type { Sink, SinkKind } from '../../src/core/sink.js'
import type { Guarantee } from '../../src/delivery/guarantee.js'
import type { Fault, Hop, HopName } from '../../src/delivery/hop.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import type { Definition } from '../../src/pipeline/graph.js'
import { guarantee } from '../../src/runtime/stream/guarantee.js'
import type { OpenOptions } from '../../src/runtime/settings/open-options.js'
import { sink, type Untyped } from '../pipeline/verbs.js'

export interface Order {
  id: number
  customer: string
}

export const known = { id: (order: Order) => order.id, window: '24h' }

/** A pipeline of orders, as JavaScript may write it. */
export function orders(
  delivery: Delivery,
  options: object | undefined,
  to: Sink<never> | SinkKind,
): Definition<Order> {
  const started = pipeline('orders').accepts<Order>() as unknown as Untyped
  return started
    .keyBy((order: Order) => order.customer)
    .deliver(delivery, options)
    .to(typeof to === 'string' ? sink(to) : to) as unknown as Definition<Order>
}

/** The report on them; exactly-once knows copies for a day. */
export function reported(
  delivery: Delivery,
  to: Sink<never> | SinkKind,
  opened: OpenOptions = {},
  options: object | undefined = delivery === 'exactly-once' ? known : undefined,
): Guarantee {
  return guarantee(orders(delivery, options, to), opened)
}

export function hopOf(report: Guarantee, name: HopName): Hop {
  return report.hops.find(({ hop }) => hop === name) as Hop
}

/** What a fault does at a hop; undefined where it passes by. */
export function met(report: Guarantee, name: HopName, fault: Fault): string | undefined {
  const found = hopOf(report, name).encounters.find((one) => one.fault === fault)
  return found === undefined ? undefined : `${found.effect}, ${found.holds ? 'holds' : 'breaks'}`
}
