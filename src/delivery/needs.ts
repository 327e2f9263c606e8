import { durationMs, type Duration } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown } from '../core/options.js'

/** What somebody needs of a stream, in their own terms. */
export interface Needs {
  /** Whether a message may be lost by a crash or a failure. */
  loss: 'none' | 'some'
  /** Whether a message may have its effect twice. */
  duplicates: 'none' | 'some'
  /** Messages a second at the busiest time. */
  rate?: number
  /** From `send` to its answer, at the 99th percentile; the handler's own time comes on top. */
  latency?: Duration
  /**
   * Whether handler and sink may be given the same message twice without a second effect.
   * @default false
   */
  idempotent?: boolean
  /**
   * Whether what was taken in has to survive a power loss, or only the death of the process.
   * @default 'survive' where no loss is allowed
   */
  powerLoss?: 'survive' | 'no'
}

/** The needs, checked and complete. */
export interface CompleteNeeds {
  readonly loss: 'none' | 'some'
  readonly duplicates: 'none' | 'some'
  readonly ratePerSecond: number | null
  readonly latencyMs: number | null
  readonly idempotent: boolean
  readonly powerLoss: 'survive' | 'no'
}

/** @throws InvalidArgumentError naming the need, the value and the remedy */
export function completeNeeds(needs: Needs): CompleteNeeds {
  const given = checkOptions<Needs>(needs, 'advise', [
    'loss',
    'duplicates',
    'rate',
    'latency',
    'idempotent',
    'powerLoss',
  ])
  const loss = oneOf(given.loss, 'loss', ['none', 'some'])
  const { rate, latency, idempotent = false } = given
  if (rate !== undefined && !(typeof rate === 'number' && Number.isFinite(rate) && rate > 0)) {
    throw new InvalidArgumentError(
      `advise.rate: ${shown(rate)} is no rate; give messages a second, more than 0`,
    )
  }
  const latencyMs = latency === undefined ? null : durationMs(latency as Duration, 'advise.latency')
  if (latencyMs === 0) {
    throw new InvalidArgumentError('advise.latency: 0 is no bound; give the time that may pass')
  }
  if (typeof idempotent !== 'boolean') {
    throw new InvalidArgumentError(
      `advise.idempotent: ${shown(idempotent)} is neither true nor false; give one of them`,
    )
  }
  return Object.freeze({
    loss,
    duplicates: oneOf(given.duplicates, 'duplicates', ['none', 'some']),
    ratePerSecond: rate ?? null,
    latencyMs,
    idempotent,
    powerLoss:
      given.powerLoss === undefined
        ? loss === 'none'
          ? 'survive'
          : 'no'
        : oneOf(given.powerLoss, 'powerLoss', ['survive', 'no']),
  })
}

function oneOf<W extends string>(value: unknown, need: string, words: readonly [W, W]): W {
  const word = words.find((one) => one === value)
  if (word !== undefined) return word
  throw new InvalidArgumentError(
    `advise.${need}: ${shown(value)} is unknown; choose '${words[0]}' or '${words[1]}'`,
  )
}
