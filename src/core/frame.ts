/**
 * A raw message of a fixed size, read where it lies. One frame object is reused for all messages: it
 * is valid only during the call that it was passed to. What must live longer is read out, or copied.
 *
 * `at` counts bytes from the frame's first; numbers are little-endian and need no alignment. A read
 * that leaves the frame throws a RangeError.
 */
export interface Frame {
  /** The memory that the frame lies in, from `offset`, `length` bytes long. Not to be written. */
  readonly bytes: Uint8Array
  readonly offset: number
  /** In bytes: the size that `frames({ size })` gave. */
  readonly length: number
  u8(at: number): number
  u32(at: number): number
  i32(at: number): number
  f64(at: number): number
  u64(at: number): bigint
  /** The frame's bytes in memory of their own, valid for ever. */
  copy(): Uint8Array
}
