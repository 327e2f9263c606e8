import { acknowledges, type Acknowledge, type Acknowledgment } from '../../core/acknowledge.js'
import { deliveries, type Delivery, type Durability } from '../../core/delivery.js'
import { durationMs, type Duration } from '../../core/durations.js'
import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../core/options.js'
import { sizeBytes, type Size } from '../../core/sizes.js'
import { decisionsOf } from '../../delivery/decide.js'
import { classDirectory } from '../directory/class-directories.js'
import type { BatchedOptions, ClassOpenOptions, OpenOptions, Waiting } from './open-options.js'

/** The options, checked and complete. */
export interface Settings {
  readonly dir: string
  readonly shards: number
  /** Where messages choose their delivery, shards are numbered on from class to class. */
  readonly firstShard: number
  readonly shardsOfAll: number
  readonly workers: number
  readonly delivery: Delivery
  readonly durability: Durability
  /** False: messages are in memory alone, and come from sources that can be read again. */
  readonly journal: boolean
  readonly acknowledge: Acknowledgment
  readonly awaitedMax: number
  readonly waiting: Waiting
  readonly ringBytes: number
  readonly segmentBytes: number
  readonly parkedMax: number
  readonly inFlightMax: number
  readonly groupPauseUs: number
  /** 0: none. */
  readonly heartbeatMs: number
  /** Undefined: as V8 bounds it. */
  readonly workerMemoryBytes: number | undefined
}

const waitings: readonly unknown[] = ['spin', 'balanced', 'park']
const mebibyte = 1024 * 1024

/**
 * The least and the greatest value of each option that is a number, a size in bytes or a duration in
 * milliseconds; `segment` is never smaller than the ring, and a `heartbeat` of 0 is none.
 */
export const openBounds = {
  shards: [1, 256],
  workers: [0, 256],
  awaitedMax: [1, 1_048_576],
  ring: [64 * 1024, 1024 * mebibyte],
  segment: [mebibyte, 1024 * mebibyte],
  parkedMax: [1, 1_000_000],
  inFlightMax: [16, 65_536],
  groupPauseUs: [0, 1_000_000],
  heartbeat: [100, 86_400_000],
  workerMemory: [32 * mebibyte, 1024 * 1024 * mebibyte],
  'durability.interval': [1, 3_600_000],
  'acknowledge.batched': [1, 65_536],
  'acknowledge.within': [1, 3_600_000],
} as const

const classOptionNames = [
  'shards',
  'workers',
  'durability',
  'journal',
  'awaitedMax',
  'waiting',
  'ring',
  'segment',
  'parkedMax',
  'inFlightMax',
  'groupPauseUs',
  'heartbeat',
  'workerMemory',
] as const satisfies readonly (keyof ClassOpenOptions)[]

/**
 * Checks the options of a pipeline whose messages choose their delivery.
 * @param classes the strictest first
 * @returns the settings of each
 * @throws InvalidArgumentError naming the option, the value and the remedy
 */
export function settingsOfClasses(
  options: OpenOptions | undefined,
  classes: readonly Delivery[],
): Settings[] {
  const { classes: own, ...shared } = options ?? {}
  const given = checkOptions<{ [D in Delivery]?: unknown }>(own, 'classes', classes)
  const all = classes.map((delivery) => {
    const differs = checkOptions<ClassOpenOptions>(
      given[delivery],
      `classes.${delivery}`,
      classOptionNames,
    )
    const { durability, dir, ...usual } = shared
    return settingsOf(
      {
        ...usual,
        // Only the others have a choice.
        ...(delivery === 'at-most-once' || durability === undefined ? {} : { durability }),
        ...differs,
        ...(dir === undefined ? {} : { dir: classDirectory(dir, delivery) }),
      } as OpenOptions,
      delivery,
    )
  })
  const shardsOfAll = all.reduce((sum, { shards }) => sum + shards, 0)
  let firstShard = 0
  return all.map((settings) => {
    const numbered = Object.freeze({ ...settings, firstShard, shardsOfAll })
    firstShard += settings.shards
    return numbered
  })
}

/**
 * Checks the options against the pipeline's delivery.
 * @throws InvalidArgumentError naming the option, the value and the remedy
 */
export function settingsOf(options: OpenOptions | undefined, pipelineDelivery: Delivery): Settings {
  const given = checkOptions<OpenOptions>(options, 'open', [
    'dir',
    'delivery',
    'acknowledge',
    'classes',
    ...classOptionNames,
  ]) as OpenOptions
  if (given.classes !== undefined) {
    throw new InvalidArgumentError(
      'classes: the pipeline has one delivery; leave it out, or let deliver choose by a function of the message',
    )
  }
  const delivery = given.delivery ?? pipelineDelivery
  if (!deliveries.includes(delivery)) {
    throw new InvalidArgumentError(
      `delivery: ${shown(delivery)} is unknown; choose 'at-most-once', 'at-least-once' or 'exactly-once'`,
    )
  }
  const durability = checkDurability(given.durability, delivery)
  const dir = given.dir ?? ''
  if (typeof dir !== 'string' || (dir === '' && durability !== 'memory')) {
    throw new InvalidArgumentError(
      `dir: ${shown(given.dir)} is no directory; ${delivery} keeps its messages on disk, so give dir: './data'`,
    )
  }
  const shards = whole(given.shards ?? 1, 'shards')
  const workers = whole(given.workers ?? 1, 'workers')
  const waiting = given.waiting ?? 'balanced'
  if (!waitings.includes(waiting)) {
    throw new InvalidArgumentError(
      `waiting: ${shown(waiting)} is unknown; choose 'spin', 'balanced' or 'park'`,
    )
  }
  const ringBytes = powerOfTwo(sizeBytes(given.ring ?? 16 * mebibyte, 'ring'), 'ring')
  const segmentBytes = sizeBytes(given.segment ?? Math.max(16 * mebibyte, ringBytes), 'segment')
  const segmentMin = Math.max(openBounds.segment[0], ringBytes)
  if (
    segmentBytes % 4096 !== 0 ||
    segmentBytes < segmentMin ||
    !isWithin(segmentBytes, 'segment')
  ) {
    throw new InvalidArgumentError(
      `segment: ${shown(given.segment)} is out of bounds; give a multiple of 4 KiB from ${segmentMin} bytes (the ring's size, or 1 MiB) to '1GiB'`,
    )
  }
  return Object.freeze({
    dir,
    shards,
    firstShard: 0,
    shardsOfAll: shards,
    workers: Math.min(workers, shards),
    delivery,
    durability,
    journal: checkJournal(given.journal, delivery),
    acknowledge: checkAcknowledge(given.acknowledge ?? 'stored'),
    awaitedMax: whole(given.awaitedMax ?? 65_536, 'awaitedMax'),
    waiting,
    ringBytes,
    segmentBytes,
    parkedMax: whole(given.parkedMax ?? 10_000, 'parkedMax'),
    inFlightMax: powerOfTwo(given.inFlightMax ?? 4096, 'inFlightMax'),
    groupPauseUs: whole(given.groupPauseUs ?? 500, 'groupPauseUs'),
    heartbeatMs: checkHeartbeat(given.heartbeat ?? '30s'),
    workerMemoryBytes: checkMemory(given.workerMemory),
  })
}

/** At most once there is none that could be left out. */
function checkJournal(journal: unknown = true, delivery: Delivery): boolean {
  if (typeof journal !== 'boolean') {
    throw new InvalidArgumentError(
      `journal: ${shown(journal)} is neither true nor false; give one of them`,
    )
  }
  return journal || delivery === 'at-most-once'
}

function checkDurability(value: Durability | undefined, delivery: Delivery): Durability {
  const { durabilityDefault, refusesDurability } = decisionsOf(delivery)
  const durability = value ?? durabilityDefault
  const named = durability === 'memory' || durability === 'process' || durability === 'disk'
  const timed =
    typeof durability === 'object' &&
    durability !== null &&
    typeof durability.interval === 'number' &&
    isWithin(durability.interval, 'durability.interval')
  if (!named && !timed) {
    throw new InvalidArgumentError(
      `durability: ${shown(durability)} is unknown; choose 'memory', 'process', 'disk' or { interval: milliseconds }`,
    )
  }
  const refusal = refusesDurability(durability)
  if (refusal !== undefined) {
    throw new InvalidArgumentError(`durability: ${shown(durability)} ${refusal}`)
  }
  return durability
}

const batchSizeDefault = 1000
const withinDefault = '10ms'

function checkAcknowledge(value: unknown): Acknowledgment {
  const isBatched = typeof value === 'object' && value !== null && 'batched' in value
  const mode = isBatched ? 'batched' : value
  if (!acknowledges.includes(mode as Acknowledge)) {
    throw new InvalidArgumentError(
      `acknowledge: ${shown(value)} is unknown; choose 'processed', 'stored', 'batched' or { batched: 1000, within: '10ms' }`,
    )
  }
  const {
    batched = batchSizeDefault,
    within = withinDefault,
    onBatch,
  } = isBatched
    ? checkOptions<BatchedOptions>(value, 'acknowledge', ['batched', 'within', 'onBatch'])
    : { onBatch: undefined }
  const withinMs = durationMs(within as Duration, 'acknowledge.within')
  if (!isWithin(withinMs, 'acknowledge.within')) {
    throw new InvalidArgumentError(
      `acknowledge.within: ${shown(within)} is out of bounds; give a duration from '1ms' to '1h'`,
    )
  }
  const size = whole(batched, 'acknowledge.batched')
  if (onBatch !== undefined && typeof onBatch !== 'function') {
    throw new InvalidArgumentError(
      `acknowledge.onBatch: ${shown(onBatch)} is not a function; give one of the batch`,
    )
  }
  return Object.freeze({
    mode: mode as Acknowledge,
    size,
    withinMs,
    ...(onBatch === undefined ? {} : { onBatch: onBatch as (batch: never) => void }),
  })
}

function checkHeartbeat(value: Duration): number {
  const ms = durationMs(value, 'heartbeat')
  if (ms === 0 || isWithin(ms, 'heartbeat')) return ms
  throw new InvalidArgumentError(
    `heartbeat: ${shown(value)} is out of bounds; give '100ms' to '24h', or 0 for none`,
  )
}

function checkMemory(value: Size | undefined): number | undefined {
  if (value === undefined) return undefined
  const bytes = sizeBytes(value, 'workerMemory')
  if (isWithin(bytes, 'workerMemory')) return bytes
  throw new InvalidArgumentError(
    `workerMemory: ${shown(value)} is out of bounds; give '32MiB' to '1024GiB'`,
  )
}

function isWithin(value: number, option: keyof typeof openBounds): boolean {
  const [min, max] = openBounds[option]
  return value >= min && value <= max
}

function whole(value: unknown, option: keyof typeof openBounds): number {
  const [min, max] = openBounds[option]
  return wholeNumber(value, option, min, max)
}

function powerOfTwo(value: number, option: keyof typeof openBounds): number {
  if (Number.isInteger(Math.log2(value)) && isWithin(value, option)) return value
  const [min, max] = openBounds[option]
  throw new InvalidArgumentError(
    `${option}: ${shown(value)} is out of bounds; give a power of two from ${min} to ${max}`,
  )
}
