import { durabilityText, type Delivery, type Durability } from '../../core/delivery.js'
import type { Counters } from '../../core/message.js'
import type { SourceNotice } from '../../core/source.js'
import { counterRows, endedOf } from '../counters.js'
import { tableLines } from '../../print/table.js'
import { reasonLines, type Reason } from './reasons.js'
import { plain, type Paint } from '../terminal.js'
import { countText, elapsedText, plural } from '../text.js'

/** What a run has done. */
export interface Summary {
  readonly pipeline: string
  /** Of this run: see `countersOfRun`. */
  readonly counters: Counters
  /** Of the stored ones, those that an earlier run had left undone. */
  readonly leftOver: number
  /** The first few dead letters: place and reason. */
  readonly deadLetters: readonly string[]
  /** What the source had to tell. */
  readonly notices: readonly SourceNotice[]
  /** Of all of them, the most frequent first; none where there are no dead letters. */
  readonly reasons?: readonly Reason[]
  readonly elapsedMs: number
  /** Where messages choose theirs, of the class that is promised least. */
  readonly delivery: Delivery
  readonly durability: Durability
  readonly shards: number
  readonly workers: number
  /** Undefined where nothing is kept. */
  readonly dir: string | undefined
  readonly stoppedBy: NodeJS.Signals | undefined
  /** Whether the same command goes on from here. */
  readonly resumable: boolean
  /** Where messages choose their delivery: each class. */
  readonly classes: readonly SummaryClass[]
}

export interface SummaryClass {
  readonly delivery: Delivery
  readonly durability: Durability
  readonly counters: Counters
}

/** The one object of `semel run --json`. */
export function summaryJson(summary: Summary): string {
  const {
    counters,
    elapsedMs,
    delivery,
    durability,
    shards,
    classes,
    notices,
    reasons = [],
  } = summary
  return `${JSON.stringify({
    stored: counters.stored,
    processed: counters.processed,
    filtered: counters.filtered,
    duplicate: counters.duplicate,
    late: counters.late,
    deadLettered: counters.deadLettered,
    dropped: counters.dropped,
    parked: counters.parked,
    inFlight: counters.inFlight,
    elapsedMs: Math.round(elapsedMs),
    messagesPerSecond: messagesPerSecond(summary),
    delivery,
    durability: durabilityText(durability),
    shards,
    ...(classes.length === 0 ? {} : { classes: classes.map(classJson) }),
    ...(notices.length === 0 ? {} : { notices }),
    ...(reasons.length === 0 ? {} : { deadLetterReasons: reasons }),
  })}\n`
}

function classJson({ delivery, durability, counters }: SummaryClass): object {
  return { delivery, durability: durabilityText(durability), ...counters }
}

/** The table at the end of a run. */
export function summaryText(summary: Summary, paint: Paint = plain): string {
  const { counters, leftOver } = summary
  const { classes } = summary
  const rows = counterRows([counters, ...classes.map((one) => one.counters)], countText)
  if (leftOver > 0) {
    rows.splice(1, 0, { name: '  left over', cells: [countText(leftOver)], style: 'dim' })
  }
  if (classes.length > 0) {
    const titles = ['total', ...classes.map(({ delivery }) => delivery)]
    rows.unshift({ name: '', cells: titles, style: 'bold' })
  }
  const about = [
    ...(classes.length > 0 ? classes : [summary]).flatMap(({ delivery, durability }) => [
      delivery,
      durabilityText(durability),
    ]),
    plural(summary.shards, 'shard'),
    summary.workers === 0 ? 'no workers' : plural(summary.workers, 'worker'),
    ...(summary.dir === undefined ? [] : [summary.dir]),
  ]
  const lines = [
    `${paint('bold', summary.pipeline)}: ${about.join(', ')}`,
    '',
    ...tableLines(rows, paint),
    '',
    `${plural(endedOf(counters), 'message')} in ${elapsedText(summary.elapsedMs)}: ` +
      paint('bold', `${countText(messagesPerSecond(summary))} messages/s`),
  ]
  for (const deadLetter of summary.deadLetters) {
    lines.push(paint('yellow', `dead letter: ${deadLetter}`))
  }
  const more = counters.deadLettered - summary.deadLetters.length
  if (summary.deadLetters.length > 0 && more > 0) {
    lines.push(paint('yellow', `and ${plural(more, 'more', 'more')}`))
    for (const line of reasonLines(summary.reasons ?? [])) lines.push(paint('yellow', line))
  }
  if (counters.stored === 0 && summary.resumable && summary.stoppedBy === undefined) {
    lines.push(`nothing new: earlier runs have read the source to its end (${summary.dir})`)
  }
  if (summary.stoppedBy !== undefined) {
    const next = summary.resumable ? '; the same command goes on from here' : ''
    lines.push(paint('yellow', `stopped by ${summary.stoppedBy}${next}`))
  }
  return `${lines.join('\n')}\n`
}

function messagesPerSecond({ counters, elapsedMs }: Summary): number {
  return elapsedMs > 0 ? Math.round((1000 * endedOf(counters)) / elapsedMs) : 0
}

/** That a run has done nothing but refuse, in words; undefined where it has done anything else. */
export function refusedText({ counters, reasons = [] }: Summary): string | undefined {
  const { deadLettered, dropped } = counters
  const refused = deadLettered + dropped
  if (refused === 0 || refused < endedOf(counters)) return undefined
  const how = dropped === 0 ? 'dead-lettered' : deadLettered === 0 ? 'dropped' : 'refused'
  const [first] = reasons
  const why = first === undefined ? '' : `: ${first.reason}`
  const so = first === undefined || first.count === refused ? '' : ` (so ${countText(first.count)})`
  return `every message of this run was ${how} (${countText(refused)})${why}${so}`
}
