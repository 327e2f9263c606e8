import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { At } from '../../pipeline/frames.js'
import type { Graph } from '../../pipeline/graph.js'

/**
 * Whether a pipeline takes raw frames one after another, and where their ids and keys are.
 * @param frameSize 0 where the pipeline takes objects
 * @throws InvalidArgumentError where it does not take them, or none such
 */
export function checkFrames(
  { deliver, keyBy }: Graph,
  frameSize: number,
  bytes: unknown,
): { readonly idAt: number; readonly keyAt: number } {
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidArgumentError(
      `pushFrames: ${shown(bytes)} is no memory of frames; give a Uint8Array`,
    )
  }
  if (frameSize === 0 || bytes.length % frameSize !== 0) {
    throw new InvalidArgumentError(
      frameSize === 0
        ? 'pushFrames: the pipeline takes objects; use push, or accepts(frames({ size }))'
        : `pushFrames: ${bytes.length} bytes are no whole number of frames of ${frameSize}`,
    )
  }
  if (deliver.producer !== undefined) {
    throw new InvalidArgumentError(
      'pushFrames: the pipeline knows copies by producer, which is a call for each frame; use push or send',
    )
  }
  if (deliver.overflow !== 'wait') {
    throw new InvalidArgumentError(
      `pushFrames: the pipeline's overflow is ${deliver.overflow}, which looks at each message; use push, or overflow: 'wait'`,
    )
  }
  return { idAt: frameOffset(deliver.id, 'id'), keyAt: frameOffset(keyBy, 'keyBy') }
}

/** An offset that no frame reaches stands for none. */
function frameOffset(by: unknown, option: string): number {
  if (by === undefined) return 0xffff_ffff
  if (typeof by === 'function') {
    throw new InvalidArgumentError(
      `pushFrames: ${option} is a function; give at(offset), which needs no call for each frame, or use push`,
    )
  }
  return (by as At).offset
}
