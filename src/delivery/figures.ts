import { deliveries, type Delivery } from '../core/delivery.js'
import { SemelError } from '../core/errors.js'

/** A case of the benchmark, as far as advice needs it. */
export interface Figure {
  readonly case: string
  readonly delivery: Delivery
  /** `memory`, `process`, `disk`, as the benchmark names it. */
  readonly durability: string
  /** `none` where messages were pushed, and nobody was told of single ones. */
  readonly acknowledge: string
  /** What was sent: `object`, `raw64`. */
  readonly message: string
  readonly medianPerSecond: number
  readonly minPerSecond: number
  readonly maxPerSecond: number
}

/** What `semel bench --json FILE`, or `npm run bench -- --json FILE`, has found on a machine. */
export interface Figures {
  readonly cpu: string
  readonly cores: number
  /** As the file has it: an ISO text. */
  readonly date: string
  readonly results: readonly Figure[]
}

/**
 * What a file of figures says. Cases that it does not know how to read are passed over, so that newer
 * benchmarks can be read.
 * @param where the file; named in the error
 * @throws SemelError `SEMEL_FIGURES` where there is not one case to read
 * @example const figures = figuresOf(readFileSync('figures.json', 'utf8'), 'figures.json')
 */
export function figuresOf(text: string, where: string): Figures {
  const { machine, date, results } = partsOf(parsed(text, where))
  if (!Array.isArray(results)) throw noFigures(where, 'it has no list of results')
  const read = results.flatMap((result) => figureOf(partsOf(result)))
  if (read.length === 0) {
    throw noFigures(where, 'none of its results has a delivery, a durability and messagesPerSecond')
  }
  const { cpu, cores } = partsOf(machine)
  return Object.freeze({
    cpu: textOf(cpu),
    cores: countOf(cores) ?? 1,
    date: textOf(date),
    results: Object.freeze(read),
  })
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw noFigures(where, 'it is not JSON', cause)
  }
}

function noFigures(where: string, why: string, cause?: unknown): SemelError {
  return new SemelError(
    'SEMEL_FIGURES',
    `${where} is no file of figures: ${why}; make one with semel bench --json FILE`,
    { cause },
  )
}

function figureOf(result: Parts): Figure[] {
  const { delivery, durability, messagesPerSecond } = result
  const { median, min, max } = partsOf(messagesPerSecond)
  const medianPerSecond = countOf(median)
  const known = deliveries.find((one) => one === delivery)
  // What others do in our place is measured too, and tells nothing about us.
  if (result['contender'] !== undefined && result['contender'] !== 'semel') return []
  if (known === undefined || typeof durability !== 'string' || medianPerSecond === undefined) {
    return []
  }
  return [
    Object.freeze({
      case: textOf(result['case']),
      delivery: known,
      durability,
      acknowledge: result['acknowledge'] === undefined ? 'none' : textOf(result['acknowledge']),
      message: textOf(result['message']),
      medianPerSecond,
      minPerSecond: countOf(min) ?? medianPerSecond,
      maxPerSecond: countOf(max) ?? medianPerSecond,
    }),
  ]
}

type Parts = Readonly<Record<string, unknown>>

function partsOf(value: unknown): Parts {
  return typeof value === 'object' && value !== null ? (value as Parts) : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown'
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined
}
