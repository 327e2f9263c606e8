import { deliveries, type Delivery } from '../core/delivery.js'
import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown } from '../core/options.js'
import { unheeded } from '../core/thenable.js'
import { checkDeliver, type Deliver, type OptionsOf } from './deliver.js'
import { refusals, type Refusals, type Refused } from './refusals.js'

/**
 * What `deliver` takes with a function of the message: for each delivery that it may answer, what
 * `deliver` takes with that one; `{}` where there is nothing to say.
 */
export type ClassOptions<C extends Delivery, M> = {
  readonly [D in C]: OptionsOf<D, M>
}

/** The one delivery of a pipeline, or else those that a function of the message may answer. */
export type Chosen<One, C extends Delivery = never> = [One] extends [Delivery] ? One : C

/** What `deliver` takes with one delivery, or else with a function that answers C. */
export type DeliverOptions<One, C extends Delivery, M> = [One] extends [Delivery]
  ? OptionsOf<One, M>
  : [One] extends [string]
    ? Refused<`there is no such delivery: ${Refusals['delivery']}`>
    : ClassOptions<C, M>

/** Messages of one pipeline by their delivery: each class has shards of its own. */
export interface Classes {
  readonly of: (message: never) => Delivery
  /** The strictest first. */
  readonly delivers: readonly [Deliver, ...Deliver[]]
}

/**
 * Checks the arguments of `deliver` with a function.
 * @param frameSize undefined where the pipeline takes objects
 * @throws InvalidArgumentError
 */
export function checkClasses(
  of: (message: never) => Delivery,
  options: unknown,
  frameSize: number | undefined,
): Classes {
  if (options === undefined) throw new InvalidArgumentError(`deliver: ${refusals.classed}`)
  const given = checkOptions<Record<Delivery, unknown>>(options, 'deliver', deliveries)
  const [first, ...others] = deliveries
    .filter((delivery) => given[delivery] !== undefined)
    .map((delivery) => checkDeliver(delivery, given[delivery], frameSize))
    .toReversed()
  if (first === undefined) throw new InvalidArgumentError(`deliver: ${refusals.classed}`)
  return Object.freeze({ of, delivers: Object.freeze([first, ...others] as const) })
}

/**
 * The class that the function has answered.
 * @throws InvalidArgumentError where it is none of them
 */
export function classOf({ delivers }: Classes, answer: unknown): number {
  const found = delivers.findIndex(({ delivery }) => delivery === answer)
  if (found >= 0) return found
  unheeded(answer)
  const names = delivers.map(({ delivery }) => `'${delivery}'`).join(' or ')
  throw new InvalidArgumentError(
    `deliver: its function answered ${shown(answer)}; answer ${names}, or add the options of that delivery`,
  )
}
