import { InvalidArgumentError } from '../core/errors.js'
import type { Key } from '../core/message.js'
import { shown } from '../core/options.js'

/**
 * Which shard a key belongs to; the same on every machine and in every version, since a key's
 * messages must find their shard again after a restart.
 */
export function shardOf(key: Key, shards: number): number {
  return shards === 1 ? 0 : finish(hash(key)) % shards
}

function hash(key: Key): number {
  if (typeof key === 'string') {
    // FNV-1a over UTF-16 code units (Fowler, Noll, Vo).
    let value = 0x811c9dc5
    for (let at = 0; at < key.length; at++) {
      value = Math.imul(value ^ key.charCodeAt(at), 0x01000193)
    }
    return value
  }
  if (typeof key === 'bigint') {
    const low = Number(BigInt.asUintN(32, key))
    const high = Number(BigInt.asUintN(32, key >> 32n))
    return low ^ Math.imul(high, 0x9e3779b1)
  }
  if (Number.isSafeInteger(key)) {
    return (key >>> 0) ^ Math.imul(Math.floor(key / 4_294_967_296) >>> 0, 0x9e3779b1)
  }
  throw new InvalidArgumentError(
    `keyBy: ${shown(key)} is no key; return a string, a safe integer or a bigint`,
  )
}

/** Spreads the bits (the finalizer of MurmurHash3, Appleby). */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
