import { canonical } from './canonical.js'
import { messagesOf, type Case, type Message, type Value } from './case.js'
import { onWithin, valueOf } from './evaluate.js'
import { operatorAnswers } from './functions.js'
import { endByTime } from './times.js'
import { fateAsId, fateAsKey, identity } from './ids.js'
import { kindOf, type Fate } from './kinds.js'
import { fateOf } from './values.js'

/** What may be told of a message before it is sent. */
export interface Expected {
  readonly message: Message
  /** What the door does: also of a message whose id or key is none. */
  readonly fate: Fate
  /** What arrives: one of these texts. */
  readonly texts: readonly string[]
  /** Which messages are copies of each other; undefined: it has none. */
  readonly identity: string | undefined
  /** Whose order is kept. */
  readonly key: string
  /** How it ends once it is taken, where it is no copy. */
  readonly end: 'processed' | 'fails' | 'either' | 'late'
}

/** The payload of the smallest message over an eighth of the ring, about: it may be refused for its size. */
const largestBytes = { '64KiB': 8192, '1MiB': 131_072, '16MiB': 2_097_152 } as const
/** What a payload holds besides what is counted, at most: names, lengths, an id. */
const marginBytes = 64

export function expectedOf(message: Message, given: Case): Expected {
  const { setting } = given
  const { value, id, key, time, fails, answers } = message
  const bytes = roughBytes(value)
  const fates: Fate[] = [fateOf(value)]
  if (setting.raw && !('kind' in value && value.kind === 'frame')) fates.push('refused')
  if (setting.identified) fates.push(fateAsId(id))
  if (setting.keyed) fates.push(fateAsKey(key))
  const largest = largestBytes[setting.ring]
  if (bytes * 1.2 + marginBytes > largest) fates.push(bytes > largest ? 'refused' : 'either')
  const attemptsMax = setting.delivery === 'at-most-once' ? 1 : setting.attempts
  const is = setting.bare ? 'value' : (operatorAnswers[answers]?.is ?? 'value')
  const isOdd = is === 'either' || [...messagesOf(given).values()].some(isBlamed)
  const isFailing = is === 'failure' || fails >= attemptsMax
  const byTime = setting.timed ? endByTime(time) : 'in time'
  const byFunctions = isOdd ? 'either' : isFailing ? 'fails' : 'processed'
  const end = byTime === 'in time' ? byFunctions : byTime
  const fate = worst(fates)
  return {
    message,
    fate,
    texts: fate === 'refused' ? [] : textsOf(message, setting.bare || setting.raw),
    identity: setting.identified ? identity(id) : undefined,
    key: setting.keyed ? identity(key) : `no key ${message.n}`,
    end,
  }
}

/** A sink's answer that can't be may blame whatever was written with its message. */
function isBlamed({ fails, throws }: Message): boolean {
  return fails > 0 && throws.startsWith('new RejectedOutputs')
}

function worst(fates: readonly Fate[]): Fate {
  return (
    fates.find((fate) => fate === 'refused') ?? fates.find((fate) => fate === 'either') ?? 'carried'
  )
}

/** One for each of the ways in which its values may arrive. */
function textsOf({ n, value }: Message, bare: boolean): string[] {
  onWithin(() => {})
  const made = Array.from({ length: 3 }, (_, way) =>
    valueOf(value, (kind, code) => {
      const { arrives, codes } = kindOf(kind)
      if (arrives === undefined) return code
      if (arrives.length === codes.length) return arrives[codes.indexOf(code)] ?? code
      return arrives[Math.min(way, arrives.length - 1)] as string
    }),
  )
  return made.map((one) => canonical(bare ? one : { n, value: one }))
}

/** About how many bytes a value takes, never more than it does. */
function roughBytes(value: Value): number {
  if ('array' in value) return value.array.reduce((sum, item) => sum + roughBytes(item), 1)
  if ('map' in value) return value.map.flat().reduce((sum, item) => sum + roughBytes(item), 1)
  if ('object' in value) return value.object.reduce((sum, [, item]) => sum + roughBytes(item), 1)
  if (
    !['text', 'long text', 'bytes', 'long bytes', 'long array', 'many members'].includes(value.kind)
  )
    return 1
  const made = valueOf(value)
  if (typeof made === 'string') return Buffer.byteLength(made)
  if (made instanceof Uint8Array) return made.length
  return Array.isArray(made) ? made.length : Object.keys(made as object).length * 2
}
