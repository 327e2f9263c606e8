import { durationText } from '../../core/durations.js'
import { decisionsOf } from '../decide.js'
import type { Encounter, Hop, Subject } from '../hop.js'
import { encounter } from './encounter.js'

/** From the sender to the ring: what an answer says, and what becomes of a message sent twice. */
export function senderHop(subject: Subject): Hop {
  const { delivery, windowMs, producer } = subject.graph.deliver
  const isKept = decisionsOf(delivery).ring === 'journal'
  if (producer !== undefined) return producerHop(subject, isKept)
  const knows = windowMs !== undefined
  const encounters = knows ? windowEncounters(subject, isKept) : copyEncounters(subject)
  return {
    hop: 'sender',
    promise: !isKept ? 'at-most-once' : knows ? 'exactly-once' : 'at-least-once',
    what: answer(subject),
    why: isKept ? keptWhy(knows) : unkeptWhy(knows),
    until: knows ? untilText(subject, windowMs) : null,
    restsOn: knows ? 'window' : isKept ? 'nothing' : 'your-word',
    limit: knows
      ? `which knows copies for ${durationText(windowMs)}${isKept ? '' : ' and no longer than the process lives'}`
      : 'which takes a message sent again for a new one',
    encounters,
  }
}

/** Senders number their messages themselves: no window bounds how long copies are known. */
function producerHop(subject: Subject, isKept: boolean): Hop {
  const { delivery } = subject.graph.deliver
  const sentAgain = encounter(
    delivery,
    'sent-again',
    'limited',
    'It is a duplicate and dropped, as long as its producer sends in order; a sender of an older epoch is refused.',
  )
  const forgotten = (fault: 'kill' | 'power-loss') =>
    encounter(
      delivery,
      fault,
      'repeated',
      'The numbers are in memory: the next process takes a copy for a new message.',
    )
  return {
    hop: 'sender',
    promise: isKept ? 'exactly-once' : 'at-most-once',
    what: answer(subject),
    why: 'Each producer numbers its messages, and a shard drops what is not above the newest number it has of that producer. Without an answer, a producer sends again from its oldest unknown number on.',
    until: null,
    restsOn: 'your-word',
    limit: "which rests on the producers' numbers never going back",
    encounters: isKept ? [sentAgain] : [sentAgain, forgotten('kill'), forgotten('power-loss')],
  }
}

function answer({ graph, opening }: Subject): string {
  const { mode, size, withinMs, onBatch } = opening.acknowledge
  switch (mode) {
    case 'stored':
      return `send resolves with a receipt when the message is ${storedText(opening)}; receipt.outcome, when its outcome is committed. push gives none.`
    case 'processed':
      return 'send resolves with the outcome when it is committed, and with the result. push gives none.'
    case 'batched': {
      const isTriedAgain =
        decisionsOf(graph.deliver.delivery).failed !== 'dropped' && graph.retry.attempts > 1
      return [
        `send resolves with the outcome when the batch of its message is committed: ${size.toLocaleString('en-US')} messages, or ${durationText(withinMs)} after the first.`,
        ...(isTriedAgain
          ? ['One that waits for its next attempt is parked in it, and ends later.']
          : []),
        onBatch === undefined
          ? 'push gives none.'
          : 'onBatch is told of each batch, in which what is pushed has its place too.',
      ].join(' ')
    }
    default:
      return mode satisfies never
  }
}

function storedText({ durability }: Subject['opening']): string {
  if (typeof durability === 'object')
    return `synced, at most ${durationText(durability.interval)} later`
  switch (durability) {
    case 'memory':
      return "in its shard's ring, in memory"
    case 'process':
      return 'in the mapped journal, which the kernel keeps'
    case 'disk':
      return 'on disk, written and synced'
    default:
      return durability satisfies never
  }
}

function keptWhy(knows: boolean): string {
  return knows
    ? 'Without an answer the message may be stored or not: send it again with the same id and key until there is one; copies are dropped.'
    : 'Without an answer the message may be stored or not: send it again until there is one. There is no id to tell a copy by.'
}

function unkeptWhy(knows: boolean): string {
  return knows
    ? 'Without an answer the message may have been taken or not. Copies with the same id and key are dropped while the process lives.'
    : 'Without an answer the message may have been taken or not, and nothing tells a copy from a new message: send each one once, whatever the answer.'
}

function untilText({ graph, opening }: Subject, windowMs: number): string {
  const { maxIds, whenFull, time } = graph.deliver
  const ids = maxIds.toLocaleString('en-US')
  const full =
    whenFull === 'shorten-window'
      ? `a shard that knows ${ids} ids forgets the oldest early, and its counters tell the window that is left`
      : `a shard that knows ${ids} ids takes no more until the oldest have left the window, and a copy that waits meanwhile for longer than the window is a new message`
  const late =
    time === undefined
      ? 'A copy that is stored later is a new message'
      : 'A message that is older than that by its own time is late, and has no effect'
  const shards =
    opening.shards > 1 ? ' Each shard knows its own ids, so copies must carry the same key.' : ''
  return `${durationText(windowMs)} between two copies' being stored. ${late}; ${full}.${shards}`
}

function copyEncounters({ graph }: Subject): Encounter[] {
  const { delivery } = graph.deliver
  return [
    encounter(delivery, 'sent-again', 'repeated', 'It is stored again, as a message of its own.'),
  ]
}

function windowEncounters({ graph }: Subject, isKept: boolean): Encounter[] {
  const { delivery, whenFull, windowMs } = graph.deliver
  const sentAgain = encounter(
    delivery,
    'sent-again',
    'limited',
    `It is a duplicate, and dropped, for ${durationText(windowMs ?? 0)}${whenFull === 'shorten-window' ? ', or less where the ids have used up their space' : ''}.`,
  )
  if (isKept) {
    return [
      sentAgain,
      encounter(
        delivery,
        'clock-jump',
        'limited',
        'No effect while the stream is open. Set forward while it is closed, the clock is believed, and ids are forgotten earlier.',
      ),
    ]
  }
  const forgotten = (fault: 'kill' | 'power-loss') =>
    encounter(
      delivery,
      fault,
      'repeated',
      'The ids are in memory: the next process takes a copy for a new message.',
    )
  return [sentAgain, forgotten('kill'), forgotten('power-loss')]
}
