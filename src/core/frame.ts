/**
 * A raw message of a fixed size, read where it lies. It is valid until the operators are through with
 * its message, promises included; what must live longer is read out, or copied. A read after that
 * throws a SemelError, `SEMEL_FRAME`: the memory may hold another message by then.
 *
 * `at` counts bytes from the frame's first; numbers are little-endian and need no alignment. A read
 * that leaves the frame throws a RangeError.
 */
export interface Frame {
  /** As `copy()`, at each access. */
  readonly bytes: Uint8Array
  /** Where the frame begins in `bytes`: 0. */
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
