import { InvalidArgumentError } from '../core/errors.js'
import type { Key } from '../core/message.js'
import { durationMs, type Duration } from '../core/durations.js'
import type { Operator } from '../core/operator.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import { limitOf, type Limit } from '../reliability/limit.js'
import { retryPolicy, type RetryPolicy } from '../reliability/retry.js'
import { branchesOf, valueOperator } from './branches.js'
import { checkSink } from './carriers.js'
import { checkClasses, type Classes } from './classes.js'
import { checkDeliver, type Deliver } from './deliver.js'
import { checkExtractor, isFrameFormat, type At } from './frames.js'
import { checkLimits, define, unfinishedKey, type Accepts, type Definition } from './graph.js'
import { refusals } from './refusals.js'
import { validator } from '../core/schema.js'
import { checkTogether, outputSinks, type GraphSink } from './sinks.js'

/** What has been said so far. */
interface Unfinished {
  readonly name: string
  readonly accepts: Accepts
  readonly deliver?: Deliver
  readonly classes?: Classes
  readonly keyBy?: ((message: never) => Key) | At
  readonly operators: readonly Operator[]
  readonly retry: RetryPolicy
  readonly concurrency: number
  readonly timeoutMs?: number
  readonly limits?: readonly Limit[]
  /** For what is no output. */
  readonly deadLetters?: unknown
  readonly late?: unknown
}

const noSinks: readonly number[] = Object.freeze([])
const concurrencyDefault = 64

const timeoutMsMax = 86_400_000

/** No batch waits longer: its messages hold ring space all the while. */
const withinMsMax = 3_600_000

/**
 * The steps as JavaScript sees them: every argument is checked, whatever the types have promised.
 * What TypeScript sees is `Pipeline`, in pipeline.ts.
 */
export class Builder {
  readonly #unfinished: Unfinished
  readonly [unfinishedKey]: string

  private constructor(unfinished: Unfinished) {
    this.#unfinished = unfinished
    this[unfinishedKey] = unfinished.name
    Object.freeze(this)
  }

  static start(name: string, format: unknown): Builder {
    return new Builder({
      name,
      accepts: checkFormat(format),
      operators: Object.freeze([]),
      retry: retryPolicy(),
      concurrency: concurrencyDefault,
    })
  }

  deliver(delivery: unknown, options?: unknown): Builder {
    if (this.#unfinished.deliver !== undefined) this.#refuse(refusals.delivered)
    if (typeof delivery !== 'function') {
      return this.#with({ deliver: checkDeliver(delivery, options, this.#frameSize) })
    }
    const classes = checkClasses(delivery as never, options, this.#frameSize)
    return this.#with({ deliver: classes.delivers[0], classes })
  }

  keyBy(key: unknown): Builder {
    if (this.#unfinished.keyBy !== undefined) this.#refuse(refusals.keyed)
    if (this.#unfinished.operators.length > 0) this.#refuse(refusals.operated)
    return this.#with({ keyBy: checkExtractor<Key>(key, this.#frameSize, 'keyBy') })
  }

  filter(predicate: unknown): Builder {
    return this.#operate(valueOperator('filter', predicate))
  }

  map(apply: unknown): Builder {
    return this.#operate(valueOperator('map', apply))
  }

  flatMap(apply: unknown): Builder {
    return this.#operate(valueOperator('flatMap', apply))
  }

  tap(apply: unknown): Builder {
    return this.#operate(valueOperator('tap', apply))
  }

  batch(size: unknown, options: unknown): Builder {
    const { within } = checkOptions<{ within: Duration }>(options, 'batch', ['within'])
    const copied = this.#unfinished.operators.some(
      ({ kind }) => kind === 'map' || kind === 'flatMap',
    )
    if (this.#frameSize !== undefined && !copied) this.#refuse(refusals.framesBatched)
    const withinMs = durationMs(within as Duration, 'batch.within')
    if (withinMs < 1 || withinMs > withinMsMax) {
      throw new InvalidArgumentError(
        `batch.within: ${shown(within)} is out of bounds; give a duration from '1ms' to '1h'`,
      )
    }
    return this.#operate({
      kind: 'batch',
      size: wholeNumber(size, 'batch.size', 1, 65_536),
      withinMs,
    })
  }

  retry(options: unknown): Builder {
    return this.#with({ retry: retryPolicy(options as object | undefined) })
  }

  concurrency(inFlight: unknown): Builder {
    return this.#with({ concurrency: wholeNumber(inFlight, 'concurrency', 1, 65_536) })
  }

  timeout(time: unknown): Builder {
    const timeoutMs = durationMs(time as Duration, 'timeout')
    if (timeoutMs < 1 || timeoutMs > timeoutMsMax) {
      throw new InvalidArgumentError(
        `timeout: ${shown(time)} is out of bounds; give a duration from '1ms' to '24h'`,
      )
    }
    return this.#with({ timeoutMs })
  }

  limit(rate: unknown, options?: unknown): Builder {
    const limit = limitOf(rate, options)
    const others = (this.#unfinished.limits ?? []).filter(({ by }) => by !== limit.by)
    return this.#with({ limits: Object.freeze([...others, limit]) })
  }

  deadLetters(sink: unknown): Builder {
    if (this.#unfinished.deadLetters !== undefined) this.#refuse(refusals.sunk)
    return this.#with({ deadLetters: checkSink(sink, 'at-most-once', 'deadLetters') })
  }

  late(sink: unknown): Builder {
    if (this.#unfinished.late !== undefined) this.#refuse(refusals.sunk)
    return this.#with({ late: checkSink(sink, 'at-most-once', 'late') })
  }

  to(...sinks: unknown[]): Definition<never> {
    const { delivery } = this.#deliver
    const own = outputSinks(sinks, delivery, String)
    return this.#end(this.#unfinished.operators, own, Object.freeze([...own.keys()]))
  }

  branch(branches: unknown): Definition<never> {
    const { operator, sinks } = branchesOf(branches, this.#deliver.delivery)
    return this.#end(Object.freeze([...this.#unfinished.operators, operator]), sinks, noSinks)
  }

  get #deliver(): Deliver {
    return this.#unfinished.deliver ?? this.#refuse(refusals.undelivered)
  }

  #end(
    operators: readonly Operator[],
    outputs: readonly GraphSink[],
    to: readonly number[],
  ): Definition<never> {
    const { deadLetters, late, ...unfinished } = this.#unfinished
    const where = `pipeline ${unfinished.name}`
    const delivers = unfinished.classes?.delivers ?? [this.#deliver]
    for (const each of delivers) {
      checkLimits(unfinished, each, where)
      const { overflow, id } = each
      const isKeyed = unfinished.keyBy !== undefined || id !== undefined
      if (overflow === 'conflate' && !isKeyed) return this.#refuse(refusals.conflated)
      if (deadLetters !== undefined && each.delivery === 'at-most-once')
        return this.#refuse(refusals.lettersUnkept)
    }
    const deliver = this.#deliver
    const aside: GraphSink[] = []
    if (deadLetters !== undefined) {
      const sink = checkSink(deadLetters, deliver.delivery, 'deadLetters')
      aside.push({ label: 'dead-letters', takes: 'dead-letters', sink })
    }
    if (late !== undefined) {
      const sink = checkSink(late, deliver.delivery, 'late')
      aside.push({ label: 'late-messages', takes: 'late', sink })
    }
    const deliveries = delivers.map(({ delivery }) => delivery)
    const sinks = checkTogether([...outputs, ...aside], deliveries, where)
    return define(Object.freeze({ ...unfinished, operators, deliver, sinks, to }))
  }

  get #frameSize(): number | undefined {
    return this.#unfinished.accepts.kind === 'frames' ? this.#unfinished.accepts.size : undefined
  }

  #operate(operator: Operator): Builder {
    const operators = Object.freeze([...this.#unfinished.operators, Object.freeze(operator)])
    return this.#with({ operators })
  }

  #refuse(why: string): never {
    throw new InvalidArgumentError(`pipeline ${this.#unfinished.name}: ${why}`)
  }

  #with(step: Partial<Unfinished>): Builder {
    return new Builder({ ...this.#unfinished, ...step })
  }
}

/** @throws InvalidArgumentError for what is no name */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name)) return name
  throw new InvalidArgumentError(
    `pipeline: ${shown(name)} is not a name; give 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit`,
  )
}

function checkFormat(format: unknown): Accepts {
  if (format === undefined) return Object.freeze({ kind: 'object' })
  if (isFrameFormat(format)) return format
  return Object.freeze({ kind: 'object', validate: validator(format) })
}
