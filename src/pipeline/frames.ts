import { InvalidArgumentError } from '../core/errors.js'
import type { Frame } from '../core/frame.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'

/** Raw messages of one size, for `accepts`. */
export interface FrameFormat {
  readonly kind: 'frames'
  /** In bytes. */
  readonly size: number
}

/** The unsigned 8-byte little-endian integer at an offset of a frame. */
export interface At {
  readonly kind: 'at'
  /** In bytes, from the frame's first. */
  readonly offset: number
}

export interface FramesOptions {
  /** In bytes: 1…1,048,576, and at most an eighth of the ring. */
  size: number
}

/** The largest frame, in bytes. */
export const frameSizeMax = 1_048_576

/**
 * Raw messages of a fixed size: nothing is encoded or decoded; operators get a `Frame`, which they
 * read in place.
 * @throws InvalidArgumentError where `size` is out of its bounds
 * @example .accepts(frames({ size: 64 }))
 */
export function frames(options: FramesOptions): FrameFormat {
  const { size } = checkOptions<FramesOptions>(options, 'frames', ['size'])
  return Object.freeze({ kind: 'frames', size: wholeNumber(size, 'frames.size', 1, frameSizeMax) })
}

/**
 * The id or the key of a raw frame: the unsigned 8-byte little-endian integer at `offset`. It is
 * read without a call to JavaScript for each message.
 * @param offset in bytes, from the frame's first; the pipeline checks that offset + 8 ≤ its size
 * @throws InvalidArgumentError where it is no offset
 * @example .keyBy(at(8))
 */
export function at(offset: number): At {
  return Object.freeze({ kind: 'at', offset: wholeNumber(offset, 'at', 0, frameSizeMax - 8) })
}

/** Whether T is a Frame, and neither `any` nor `never`. */
export type IsFrame<T> = 0 extends 1 & T
  ? false
  : [T] extends [never]
    ? false
    : [T] extends [Frame]
      ? true
      : false

/** How something is had from a message: by a function, and of a frame also by `at(offset)`. */
export type Extractor<M, R> = ((message: M) => R) | (IsFrame<M> extends true ? At : never)

export function isFrameFormat(value: unknown): value is FrameFormat {
  return isKind(value, 'frames')
}

/**
 * Checks an `id` or a `keyBy`.
 * @param frameSize undefined where the pipeline takes objects
 * @param option what it was given for; named in the error
 * @throws InvalidArgumentError
 */
export function checkExtractor<R>(
  value: unknown,
  frameSize: number | undefined,
  option: string,
): ((message: never) => R) | At {
  if (typeof value === 'function') return value as (message: never) => R
  if (!isKind(value, 'at')) {
    throw new InvalidArgumentError(
      `${option}: ${shown(value)} does not tell it; give a function of the message${frameSize === undefined ? '' : ', or at(offset)'}`,
    )
  }
  const offset = (value as At).offset
  if (frameSize === undefined) {
    throw new InvalidArgumentError(
      `${option}: at(${offset}) is for raw frames; give a function of the message, or accepts(frames({ size }))`,
    )
  }
  if (offset + 8 > frameSize) {
    throw new InvalidArgumentError(
      `${option}: at(${offset}) reads 8 bytes, past the end of a frame of ${frameSize}; ${frameSize < 8 ? 'give a function of the frame' : `give an offset of at most ${frameSize - 8}`}`,
    )
  }
  return value as At
}

function isKind(value: unknown, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}
