import type { Acknowledge } from '../core/acknowledge.js'
import { durabilityText, type Delivery, type Durability } from '../core/delivery.js'
import { durationText } from '../core/durations.js'
import { deepFrozen } from '../core/frozen.js'
import { chooseAcknowledgment } from './advice/acknowledgment.js'
import type { Choice, Conflict, FittingFigure } from './advice/choice.js'
import { conflictsOf } from './advice/conflicts.js'
import { chooseDelivery } from './advice/delivery.js'
import { chooseDurability } from './advice/durability.js'
import { batchedRate, batchWithinMs, diskAnswerMs, diskTailMs, wakeMs } from './advice/times.js'
import type { Figure, Figures } from './figures.js'
import { completeNeeds, type CompleteNeeds, type Needs } from './needs.js'

export interface Advice {
  readonly needs: CompleteNeeds
  readonly delivery: Choice<Delivery>
  readonly acknowledgment: Choice<Acknowledge>
  readonly durability: Choice<Durability>
  /** What to write in the definition and in `open`. */
  readonly code: readonly string[]
  /** What the choice asks of whoever follows it. */
  readonly asks: readonly string[]
  /** Empty where all needs are met, as far as this can tell. */
  readonly conflicts: readonly Conflict[]
  /** Measured with this delivery and durability; null where there is no such figure. */
  readonly figure: FittingFigure
}

/** Of the rate that one worker was measured at, what to plan with. */
const share = 0.7

/**
 * Delivery, acknowledgment and durability for what somebody needs, each with its reason. Where needs
 * exclude each other, loss and duplicates come first.
 * @throws InvalidArgumentError naming the need, the value and the remedy
 * @example const { delivery, durability } = advise({ loss: 'none', duplicates: 'none', rate: 500 })
 */
export function advise(needs: Needs, figures?: Figures): Advice {
  const complete = completeNeeds(needs)
  const delivery = chooseDelivery(complete)
  const durability = chooseDurability(complete, delivery.choice)
  const acknowledgment = chooseAcknowledgment(complete, delivery.choice, durability.choice)
  const figure = figureFor(delivery.choice, durability.choice, acknowledgment.choice, figures)
  const workers = workersFor(complete, figure)
  return deepFrozen({
    needs: complete,
    delivery,
    acknowledgment,
    durability,
    code: [
      ...definitionCode(complete, delivery.choice),
      openCode(complete, delivery.choice, durability.choice, acknowledgment.choice, workers),
    ],
    asks: asksOf(complete, delivery.choice, durability.choice),
    conflicts: conflictsOf(complete, durability.choice, figure, workers),
    figure,
  })
}

function figureFor(
  delivery: Delivery,
  durability: Durability,
  acknowledge: Acknowledge,
  figures: Figures | undefined,
): FittingFigure {
  if (figures === undefined) return null
  const { cpu, cores, date, results } = figures
  // Objects are what most send; the same acknowledgment where it was measured.
  const fit = (figure: Figure): number =>
    (figure.message === 'object' ? 2 : 0) + (figure.acknowledge === acknowledge ? 1 : 0)
  const [best] = results
    .filter((one) => one.delivery === delivery && one.durability === durabilityText(durability))
    .toSorted((a, b) => fit(b) - fit(a))
  return best === undefined ? null : { ...best, cpu, cores, date }
}

/** Workers, and as many shards, that the rate takes by the figure of one. */
function workersFor({ ratePerSecond }: CompleteNeeds, figure: FittingFigure): number {
  if (figure === null || ratePerSecond === null) return 1
  return Math.max(1, Math.ceil(ratePerSecond / (share * figure.medianPerSecond)))
}

function definitionCode({ idempotent }: CompleteNeeds, delivery: Delivery): string[] {
  if (delivery === 'exactly-once') {
    return [
      ".deliver('exactly-once', { id: (message) => message.id, window: '24h' })",
      ".to(file('out.ndjson'))",
    ]
  }
  const to = idempotent ? '.to(forEach(handler, { idempotent: true }))' : '.to(forEach(handler))'
  return [`.deliver('${delivery}')`, to]
}

function openCode(
  { latencyMs }: CompleteNeeds,
  delivery: Delivery,
  durability: Durability,
  acknowledge: Acknowledge,
  workers: number,
): string {
  const level =
    typeof durability === 'object' ? `{ interval: ${durability.interval} }` : `'${durability}'`
  // Where an answer waits for a sync, it does not matter how fast a worker wakes.
  const syncs = durability === 'disk' || typeof durability === 'object'
  const isHurried = !syncs && latencyMs !== null && latencyMs < wakeMs
  const withinMs = batchWithinMs(latencyMs)
  const mode =
    acknowledge === 'batched'
      ? `{ batched: 1000, within: '${durationText(withinMs).replace(' ', '')}' }`
      : `'${acknowledge}'`
  return `open(module, { ${[
    ...(delivery === 'at-most-once' ? [] : ["dir: './data'", `durability: ${level}`]),
    `acknowledge: ${mode}`,
    ...(workers > 1 ? [`shards: ${workers}`, `workers: ${workers}`] : []),
    ...(isHurried ? ["waiting: 'spin'"] : []),
  ].join(', ')} })`
}

function asksOf(needs: CompleteNeeds, delivery: Delivery, durability: Durability): string[] {
  const { latencyMs, ratePerSecond } = needs
  const asks: string[] = []
  if (delivery === 'exactly-once') {
    asks.push(
      'Give every message an id that its copies share, and a window that is longer than any sender goes on sending again.',
      'Take a sink that can be cut back, such as file, or declare forEach(handler, { idempotent: true }); what a handler does elsewhere needs the id as an idempotency key.',
    )
  }
  if (delivery === 'at-most-once') asks.push('Send each message once, whatever the answer.')
  else asks.push('Without an answer send the same message again: unknown is not failed.')
  if (delivery === 'at-least-once' && needs.idempotent && needs.duplicates === 'none') {
    asks.push(
      'Keep handler and sink idempotent: put by id or name, do not append or add. Nothing can check it.',
    )
  }
  if (durability === 'disk') {
    asks.push('Use a device that honours a flush: disk is worth what fdatasync is worth on it.')
    if (latencyMs !== null && latencyMs >= diskAnswerMs && latencyMs < diskTailMs) {
      asks.push(
        `Measure the tail: the median of a sync fits into ${durationText(latencyMs)}, but its p99 may be some milliseconds on a busy machine.`,
      )
    }
  }
  if (ratePerSecond !== null && ratePerSecond >= batchedRate && delivery === 'at-most-once') {
    asks.push('Use push() and ready(): a promise for each message costs more than the message.')
  }
  return asks
}
