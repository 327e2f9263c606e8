import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { refusals } from '../../pipeline/refusals.js'
import type { ReplayableSource } from '../../core/replayable-source.js'
import type { AcknowledgedSource, Source } from '../../core/source.js'
import { checkAcknowledged, consumeAcknowledged } from './acknowledged.js'
import { consume } from './consume.js'
import type { Consumed, ConsumeParts } from './consumption.js'
import type { SourceFailed } from './reconnecting.js'
import { checkReplayable, consumeReplayable, isReplayable } from './replayable.js'

/**
 * A source of any kind.
 * @typeParam T the message type
 */
export type AnySource<T> = Source<T> | AcknowledgedSource<T> | ReplayableSource<T>

/**
 * Reads a source into the stream, whatever its kind.
 * @throws InvalidArgumentError where it is none, or the pipeline takes none
 */
export async function consumeAny(
  source: AnySource<unknown>,
  failed: (event: SourceFailed) => void,
  parts: Omit<ConsumeParts, 'source'>,
): Promise<Consumed> {
  if (parts.destinations.some(({ graph }) => graph.deliver.producer !== undefined)) {
    throw new InvalidArgumentError(
      `consume: the pipeline ${parts.name} knows copies by its producers' numbers, and a source keeps its own; use send or push, or deliver with { id, window }`,
    )
  }
  const { kind, resumable } = ((source as unknown) ?? {}) as { kind?: unknown; resumable?: unknown }
  if (kind === 'acknowledged' || (kind !== 'replayable' && resumable !== true))
    refuseUnreadable(parts)
  if (kind === 'acknowledged') {
    return consumeAcknowledged({ ...parts, source: checkAcknowledged(source), failed })
  }
  if (isReplayable(source)) {
    return consumeReplayable({ ...parts, source: checkReplayable(source), failed })
  }
  if (kind !== undefined && kind !== 'replayable' && kind !== 'live') {
    throw new InvalidArgumentError(
      `consume: ${shown(kind)} is no kind of source; there are 'replayable', 'acknowledged' and 'live'`,
    )
  }
  return consume({ ...parts, source: source as Source<unknown> })
}

/** @throws InvalidArgumentError where messages are of use only where they can be read again */
function refuseUnreadable({ name, destinations }: Omit<ConsumeParts, 'source'>): void {
  if (destinations.some(({ graph }) => graph.deliver.by === 'position')) {
    throw new InvalidArgumentError(`consume: ${name}: ${refusals.unsent}`)
  }
  if (destinations.some(({ settings }) => !settings.journal)) {
    throw new InvalidArgumentError(
      `consume: ${name} is open without a journal, and this source can't give again what a crash takes from memory: give a replayable one, or open it with a journal`,
    )
  }
}
