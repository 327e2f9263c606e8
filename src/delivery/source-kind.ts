import type { AcknowledgedSource, Source } from '../core/source.js'

/**
 * What a source can do, and so what is promised between it and the ring.
 * - `replayable`: can be read again from a place; a place always means the same message
 * - `acknowledged`: gives again what it was not told to be safe
 * - `live`: neither; what was taken out of it can't be asked for again
 */
export type SourceKind = 'replayable' | 'acknowledged' | 'live'

export const sourceKinds: readonly SourceKind[] = ['replayable', 'acknowledged', 'live']

export type AnySource = Source<never> | AcknowledgedSource<never>

/** The kind of a source, said or to be seen by what it has; undefined of what is none. */
export function kindOf(source: unknown): SourceKind | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  const { name, kind, resumable, read, connect } = source as Partial<
    Omit<AnySource, 'kind'> & Record<'kind' | 'resumable' | 'read' | 'connect', unknown>
  >
  if (typeof name !== 'string') return undefined
  const said = sourceKinds.find((one) => one === kind)
  if (said !== undefined) return said
  if (kind !== undefined || (typeof read !== 'function' && typeof connect !== 'function')) {
    return undefined
  }
  return resumable === true ? 'replayable' : 'live'
}
