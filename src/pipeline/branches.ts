import type { Delivery } from '../core/delivery.js'
import { InvalidArgumentError } from '../core/errors.js'
import type { BranchOf, ValueOperator } from '../core/operator.js'
import { shown } from '../core/options.js'
import { outputSinks, type GraphSink } from './sinks.js'

/** How a branch ends: its steps, and where its values go. */
class Branched {
  readonly operators: readonly ValueOperator[]
  readonly sinks: readonly unknown[]

  constructor(operators: readonly ValueOperator[], sinks: readonly unknown[]) {
    this.operators = operators
    this.sinks = sinks
    Object.freeze(this)
  }
}

/** The steps of a branch as JavaScript sees them; what TypeScript sees is `Branch`, in branch.ts. */
class BranchBuilder {
  readonly #operators: readonly ValueOperator[]

  constructor(operators: readonly ValueOperator[]) {
    this.#operators = operators
    Object.freeze(this)
  }

  filter(predicate: unknown): BranchBuilder {
    return this.#with('filter', predicate)
  }

  map(apply: unknown): BranchBuilder {
    return this.#with('map', apply)
  }

  flatMap(apply: unknown): BranchBuilder {
    return this.#with('flatMap', apply)
  }

  tap(apply: unknown): BranchBuilder {
    return this.#with('tap', apply)
  }

  to(...sinks: unknown[]): Branched {
    return new Branched(this.#operators, sinks)
  }

  #with(kind: ValueOperator['kind'], apply: unknown): BranchBuilder {
    return new BranchBuilder(Object.freeze([...this.#operators, valueOperator(kind, apply)]))
  }
}

/** @throws InvalidArgumentError for what is no function */
export function valueOperator(kind: ValueOperator['kind'], apply: unknown): ValueOperator {
  if (typeof apply === 'function') {
    return Object.freeze({ kind, apply: apply as ValueOperator['apply'] })
  }
  throw new InvalidArgumentError(
    `${kind}: ${shown(apply)} is not a function; give one of the value`,
  )
}

/**
 * What `branch` was given, as the last step of a pipeline and the sinks that its values go to.
 * @throws InvalidArgumentError
 */
export function branchesOf(
  given: unknown,
  delivery: Delivery,
): {
  operator: { readonly kind: 'branch'; readonly branches: readonly BranchOf[] }
  sinks: GraphSink[]
} {
  const entries = typeof given === 'object' && given !== null ? Object.entries(given) : []
  if (entries.length === 0) {
    throw new InvalidArgumentError(
      `branch: ${shown(given)} names no branches; give { name: (b) => b.filter(…).to(sink), … }`,
    )
  }
  const sinks: GraphSink[] = []
  const branches = entries.map(([name, build]) => {
    const branched = branchOf(name, build)
    const isOne = branched.sinks.length === 1
    const own = outputSinks(branched.sinks, delivery, (at) => (isOne ? name : `${name}.${at}`))
    const to = Object.freeze(own.map((_, at) => sinks.length + at))
    sinks.push(...own)
    return Object.freeze({ name, operators: branched.operators, to })
  })
  return { operator: Object.freeze({ kind: 'branch', branches: Object.freeze(branches) }), sinks }
}

function branchOf(name: string, build: unknown): Branched {
  if (!/^[a-z][a-z0-9_]{0,31}$/i.test(name)) {
    throw new InvalidArgumentError(
      `branch: ${shown(name)} is not a name; give 1 to 32 letters, digits or underscores, the first a letter`,
    )
  }
  const branched: unknown =
    typeof build === 'function' ? build(new BranchBuilder(Object.freeze([]))) : build
  if (branched instanceof Branched) return branched
  throw new InvalidArgumentError(
    `branch.${name}: ${shown(branched)} is no branch that ends; give (b) => b.filter(…).to(sink)`,
  )
}
