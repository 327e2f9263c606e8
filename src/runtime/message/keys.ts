import { InvalidArgumentError } from '../../core/errors.js'
import type { Id, Key } from '../../core/message.js'
import { shown } from '../../core/options.js'
import { unheeded } from '../../core/thenable.js'

/** The longest text that is an id, in UTF-16 units. */
export const idLengthMax = 65_535

const int64Min = -(2n ** 63n)
const uint64End = 2n ** 64n

/**
 * An id as it is known by. An integer is one id, as a number or as a bigint; texts are compared letter
 * by letter, without any normalisation.
 * @throws InvalidArgumentError for what is no id
 */
export function checkedId(answer: unknown): Id {
  switch (typeof answer) {
    case 'string':
      if (isBlank(answer)) throw noId(answer, 'a blank text tells nothing apart')
      if (answer.length > idLengthMax) {
        throw noId(answer, `it has ${answer.length} letters, and ${idLengthMax} fit`)
      }
      // In UTF-8 all halves would be one and the same letter.
      if (!answer.isWellFormed()) throw noId(answer, 'it has half of a surrogate pair')
      return answer
    case 'number':
      if (!Number.isSafeInteger(answer)) throw noId(answer)
      return answer === 0 ? 0 : answer
    case 'bigint':
      if (answer < int64Min || answer >= uint64End) throw noId(answer, 'it has more than 64 bits')
      return answer
    default:
      unheeded(answer)
      throw noId(answer)
  }
}

/**
 * A key as it is compared. An integer is one key, as a number or as a bigint; any text is one, the
 * empty text too.
 * @throws InvalidArgumentError for what is no key
 */
export function checkedKey(answer: unknown): Key {
  switch (typeof answer) {
    case 'string':
      return answer
    case 'number':
      if (Number.isSafeInteger(answer)) return answer === 0 ? 0 : answer
      break
    case 'bigint': {
      const number = Number(answer)
      return Number.isSafeInteger(number) ? number : answer
    }
  }
  unheeded(answer)
  throw new InvalidArgumentError(
    `keyBy: ${shown(answer)} is no key; return a string, a safe integer or a bigint${typeof answer === 'object' && answer !== null ? ', such as one text of its parts' : ''}`,
  )
}

/**
 * Which shard a key belongs to; the same on every machine and in every version, since a key's
 * messages must find their shard again after a restart.
 */
export function shardOf(key: Key, shards: number): number {
  return shards === 1 ? 0 : finish(hash(key)) % shards
}

/** White space is looked for only where a text begins with it. */
function isBlank(text: string): boolean {
  const first = text.charCodeAt(0)
  if (first > 0x20 && first < 0x80) return false
  return text.trim() === ''
}

function noId(answer: unknown, why?: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `id: ${shown(answer)} is no id${why === undefined ? '' : `: ${why}`}; return a string, a safe integer or a bigint of 64 bits`,
  )
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
  return (key >>> 0) ^ Math.imul(Math.floor(key / 4_294_967_296) >>> 0, 0x9e3779b1)
}

/** Spreads the bits (the finalizer of MurmurHash3, Appleby). */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
