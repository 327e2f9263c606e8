import type { Counters } from '../../core/message.js'
import type { DirectoryReport, ShardReport } from '../../directory.js'
import { counterRows, endedOf } from '../counters.js'
import { tableLines, type Row } from '../../print/table.js'
import { plain, type Paint } from '../terminal.js'
import { bytesText, countText, plural } from '../text.js'

/** A shard on disk: what is neither ended nor parked is in flight, for the next opening to end. */
type ShardOnDisk = ShardReport & Readonly<Counters>

interface Total extends Counters {
  ids: number
  bytes: number
  deadLettersOpen: number
  clean: boolean
}

/** The one object of `semel inspect --json`. */
export function inspectionJson(dir: string, report: DirectoryReport): string {
  const shards = report.shards.map(onDisk)
  const { name, delivery, accepts, holder } = report
  const total = totalOf(shards)
  return `${JSON.stringify({ name, dir, delivery, accepts, holder, shards, total })}\n`
}

/**
 * A table with a column for each shard and their total; blocks of columns where they don't fit side by
 * side.
 * @param columns of the terminal; undefined where nothing limits them
 */
export function inspectionText(
  dir: string,
  report: DirectoryReport,
  columns: number | undefined,
  paint: Paint = plain,
): string {
  const shards = report.shards.map(onDisk)
  const total = totalOf(shards)
  const state =
    report.holder > 0
      ? `held by process ${report.holder}`
      : total.clean
        ? 'closed in order'
        : 'not closed in order: opening it again recovers it'
  const lines = [
    `${paint('bold', report.name)}: ${report.delivery}, ${plural(shards.length, 'shard')}${framesText(report)}, ${dir}`,
    state,
    ...undecidedText(report),
  ]
  const all = [
    { title: 'total', counters: total, facts: totalFacts(total) },
    ...shards.map((shard, i) => ({ title: `${i}`, counters: shard, facts: shardFacts(shard) })),
  ]
  // One shard is its own total.
  const blocks = blocksOf(shards.length === 1 ? all.slice(1) : all, columns)
  for (const block of blocks) {
    const title: Row = { name: 'shard', cells: block.map((column) => column.title), style: 'bold' }
    const counters = counterRows(
      block.map((column) => column.counters),
      countText,
    )
    const facts = factNames.map((name, i) => ({
      name,
      cells: block.map((column) => column.facts[i] ?? ''),
    }))
    lines.push('', ...tableLines([title, ...counters, ...facts], paint))
  }
  return `${lines.join('\n')}\n`
}

/** Whether they count is for the sink to say; the counters are without them. */
function undecidedText({ shards }: DirectoryReport): string[] {
  const undecided = shards.reduce((sum, shard) => sum + shard.undecided, 0)
  if (undecided === 0) return []
  return [`${plural(undecided, 'block')} not counted: the next opening asks the sink about them`]
}

/** Objects are what is usual. */
function framesText({ accepts }: DirectoryReport): string {
  return accepts?.kind === 'frames' ? `, frames of ${accepts.size} bytes` : ''
}

const factNames = ['through', 'epoch', 'ids', 'bytes', 'closed in order', 'dead letters open']

function shardFacts(shard: ShardOnDisk): string[] {
  return [
    countText(shard.through),
    countText(shard.epoch),
    countText(shard.ids),
    bytesText(shard.bytes),
    shard.clean ? 'yes' : 'no',
    countText(shard.deadLettersOpen),
  ]
}

function totalFacts(total: Total): string[] {
  const { ids, bytes, clean, deadLettersOpen } = total
  return [
    '',
    '',
    countText(ids),
    bytesText(bytes),
    clean ? 'yes' : 'no',
    countText(deadLettersOpen),
  ]
}

const nameColumns = 20
const cellColumns = 13

function blocksOf<C>(columns: readonly C[], terminalColumns: number | undefined): C[][] {
  const room = (terminalColumns ?? Infinity) - nameColumns
  const size = Math.max(1, Math.min(columns.length, Math.floor(room / cellColumns)))
  const blocks: C[][] = []
  for (let i = 0; i < columns.length; i += size) blocks.push(columns.slice(i, i + size))
  return blocks
}

/** The counters of all shards together. */
export function directoryCounters(report: DirectoryReport): Counters {
  return totalOf(report.shards.map(onDisk))
}

function onDisk(shard: ShardReport): ShardOnDisk {
  return { ...shard, inFlight: shard.stored - endedOf(shard) - shard.parked }
}

function totalOf(shards: readonly ShardOnDisk[]): Total {
  const sum = (of: (shard: ShardOnDisk) => number) =>
    shards.reduce((total, shard) => total + of(shard), 0)
  return {
    stored: sum((shard) => shard.stored),
    processed: sum((shard) => shard.processed),
    filtered: sum((shard) => shard.filtered),
    duplicate: sum((shard) => shard.duplicate),
    late: sum((shard) => shard.late),
    deadLettered: sum((shard) => shard.deadLettered),
    dropped: sum((shard) => shard.dropped),
    parked: sum((shard) => shard.parked),
    inFlight: sum((shard) => shard.inFlight),
    ids: sum((shard) => shard.ids),
    bytes: sum((shard) => shard.bytes),
    deadLettersOpen: sum((shard) => shard.deadLettersOpen),
    clean: shards.every((shard) => shard.clean),
  }
}
