import { tableLines, type Paint, type Row } from '../print/table.js'
import { countText } from '../print/text.js'
import type { StageTimes } from '../runtime/stream/stage-times.js'
import type { Breakdown, Result } from './result.js'
import { spread } from './statistics.js'

/** Of one run, from what the stages stood at before and behind it. */
export function breakdownOf(
  before: StageTimes,
  after: StageTimes,
  wallMs: number,
  messages: number,
): Breakdown {
  const wall = (1e6 * wallMs) / messages
  const of = (behind: number, ahead: number): number => (behind - ahead) / messages
  const { sender, worker } = after
  const append = of(sender.append, before.sender.append)
  const poll = of(worker.poll, before.worker.poll)
  const index = of(worker.index, before.worker.index)
  const handle = of(worker.handle, before.worker.handle)
  const commit = of(worker.commit, before.worker.commit)
  const log = of(worker.log, before.worker.log)
  const rest = wall - poll - index - handle - commit - log
  return {
    wall,
    sender: { append, rest: wall - append },
    worker: { poll, index, handle, commit, log, rest },
  }
}

/** Of several runs: each figure is the median of theirs, to a hundredth. */
export function mergedBreakdown(runs: readonly Breakdown[]): Breakdown {
  const of = (figure: (run: Breakdown) => number): number =>
    Math.round(100 * spread(runs.map(figure)).median) / 100
  return {
    wall: of(({ wall }) => wall),
    sender: {
      append: of(({ sender }) => sender.append),
      rest: of(({ sender }) => sender.rest),
    },
    worker: {
      poll: of(({ worker }) => worker.poll),
      index: of(({ worker }) => worker.index),
      handle: of(({ worker }) => worker.handle),
      commit: of(({ worker }) => worker.commit),
      log: of(({ worker }) => worker.log),
      rest: of(({ worker }) => worker.rest),
    },
  }
}

/** A table with a row for each case that was taken apart; nothing where none was. */
export function breakdownLines(results: readonly Result[], paint: Paint): string[] {
  const rows = results.flatMap(({ case: name, stages }): Row[] => {
    if (stages === undefined) return []
    const { wall, sender, worker } = stages
    const { poll, index, handle, commit, log, rest } = worker
    const figures = [wall, sender.append, sender.rest, poll, index, handle, commit, log, rest]
    return [{ name, cells: figures.map(figureText) }]
  })
  if (rows.length === 0) return []
  const heads: Row[] = [
    { name: 'nanoseconds a message', cells: ['', 'sender:', '', 'worker:'], style: 'dim' },
    {
      name: '',
      cells: ['wall', 'append', 'rest', 'poll', 'index', 'handle', 'commit', 'log', 'rest'],
      style: 'dim',
    },
  ]
  const below = [
    "  rest: the sender's encoding and its waiting for room; the worker's waiting, and its loop",
    '  handle: decoding, operators, sink; blank: there is no such stage',
  ]
  return ['', ...tableLines([...heads, ...rows], paint), ...below.map((line) => paint('dim', line))]
}

function figureText(ns: number): string {
  if (ns === 0) return ''
  return Math.abs(ns) < 10 ? ns.toFixed(1) : countText(ns)
}
