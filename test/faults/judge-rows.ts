import type { Finding } from './finding.js'
import type { Ledger } from './ledger.js'
import { idsOf, isBroken, messageOf, originOf } from './messages.js'
import { isKept, takesSends, type Setting } from './setting.js'
import type { UpstreamReport } from './upstream/upstream.js'

/** A row of a source, and whether it must have its effect, or its dead letter, by now. */
export interface JudgedRow {
  readonly id: number
  readonly isDue: boolean
}

/**
 * The rows of all sources, those that can't be read too. A file's are due when it was read to its end;
 * a queue's that it was told to forget; a group's when all of it is safe, but for those that its other
 * member has taken.
 */
export function rowsOf(
  setting: Setting,
  { consumed }: Ledger,
  upstream: UpstreamReport | undefined,
): JudgedRow[] {
  const { acknowledged, taken, isDone = false } = upstream ?? {}
  return [
    ...idsOf('file', setting).map((id) => ({ id, isDue: consumed })),
    ...idsOf('queue', setting).map((id) => ({
      id,
      // What can't be read has no id that the queue would know.
      isDue: acknowledged?.has(id) === true || (isDone && isBroken(id)),
    })),
    ...idsOf('group', setting).map((id) => ({ id, isDue: isDone && taken?.has(id) !== true })),
  ]
}

/** What counts as acknowledged beside what was sent. */
export function acknowledgedRows(
  setting: Setting,
  { consumed }: Ledger,
  upstream: UpstreamReport | undefined,
): number {
  // Beside sends, the rows of files are few, and nobody is told of them.
  const ofFiles = consumed && !takesSends(setting) ? setting.sourceRows : 0
  return ofFiles + (upstream?.acknowledged.size ?? 0) + (upstream?.safeRows ?? 0)
}

/**
 * What was given up takes no effect any more: once the other member has a row that had none by then, it
 * is that member's alone. With a journal a crash may bring it all the same, and what was parked stays,
 * with all that waits behind it.
 */
export function judgeGivenUp(
  setting: Setting,
  ledger: Ledger,
  effects: Pick<ReadonlySet<number>, 'has'>,
  upstream: UpstreamReport | undefined,
): Finding[] {
  if (upstream === undefined || (setting.journal && isKept(setting))) return []
  // A batch that fails parks messages of every key.
  if (setting.operators === 'batch' && setting.failing > 0) return []
  const ids = [
    ...ledger.byId.keys(),
    ...idsOf('file', setting),
    ...idsOf('queue', setting),
    ...idsOf('group', setting),
  ]
  const messages = ids.map((id) => messageOf(id, setting))
  const parked = new Set(
    messages
      .filter(({ fails, refused, bounces }) => fails > 0 || refused || bounces === true)
      .map(({ key }) => key),
  )
  return [...upstream.taken].flatMap((id): Finding[] => {
    if (!effects.has(id) || upstream.shared.has(id)) return []
    if (parked.has(messageOf(id, setting).key)) return []
    const text = `message ${id} was given up and taken by another member, and took effect here`
    return [{ check: 'twice', id, text }]
  })
}

/** How many dead letters a row may have. */
export function lettersMax(setting: Setting, id: number): number {
  const origin = originOf(id)
  const isOnce = origin === 'file' || setting.delivery === 'exactly-once'
  // What can't be read has no id, and a queue may give it again.
  if (isBroken(id)) return isOnce && origin !== 'queue' ? 1 : Infinity
  return isOnce || setting.dedup ? 1 : Infinity
}
