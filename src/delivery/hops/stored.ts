import { durationText } from '../../core/durations.js'
import { decisionsOf } from '../decide.js'
import type { Encounter, Hop, Subject } from '../hop.js'
import { encounter } from './encounter.js'

/** The message waits in its shard for a worker: what that survives is its durability. */
export function storedHop(subject: Subject): Hop {
  const { delivery } = subject.graph.deliver
  const { durability } = subject.opening
  if (!subject.opening.journal) return unjournaledHop(subject)
  const isKept = decisionsOf(delivery).ring === 'journal'
  return {
    hop: 'stored',
    promise: isKept ? 'exactly-once' : 'at-most-once',
    what: whatText(durability),
    why: whyText(durability),
    until: isKept ? 'its outcome is committed: the ring is not written over before that.' : null,
    restsOn: 'nothing',
    limit: limitText(durability),
    encounters: encountersOf(subject),
  }
}

/** Its source has the message until it is done. */
function unjournaledHop(subject: Subject): Hop {
  const { graph, opening } = subject
  const { delivery } = graph.deliver
  const again = encounter(
    delivery,
    'kill',
    'limited',
    'What is in memory is gone, and read again from its source.',
  )
  return {
    hop: 'stored',
    promise: 'exactly-once',
    what: "There is no journal: the message is in its shard's ring, in memory, and its source has it still.",
    why: 'Each block says up to which offset every partition is done, and a reading goes on behind that.',
    until: 'its outcome is committed: no offset is passed before that.',
    restsOn: 'nothing',
    limit:
      opening.durability === 'process' ? limitText('process', 'what was committed last') : null,
    encounters: [again, ...encountersOf(subject)],
  }
}

type Durability = Subject['opening']['durability']

function whatText(durability: Durability): string {
  if (typeof durability === 'object') {
    return `The message is a frame in the journal, a mapped file that is synced every ${durationText(durability.interval)}.`
  }
  switch (durability) {
    case 'memory':
      return "The message is in its shard's ring, in the memory of the process."
    case 'process':
      return 'The message is a frame in the journal, a mapped file.'
    case 'disk':
      return 'The message is a frame in the journal, which is written and synced in groups.'
    default:
      return durability satisfies never
  }
}

function whyText(durability: Durability): string {
  if (typeof durability === 'object') {
    return 'A receipt waits for the sync that covers its message and all before it in the shard, and is worth what fdatasync is worth on the device.'
  }
  switch (durability) {
    case 'memory':
      return 'The memory belongs to the process and not to a worker, so it outlives a worker and not the process.'
    case 'process':
      return 'The kernel has every byte of a mapped file as soon as it is stored, and writes it out when it likes.'
    case 'disk':
      return 'A receipt waits for the group that covers its message and all before it in the shard, and is worth what fdatasync is worth on the device.'
    default:
      return durability satisfies never
  }
}

function limitText(durability: Durability, taken = 'what has a receipt'): string | null {
  if (typeof durability === 'object') return 'where what has no receipt may go with the power'
  if (durability === 'memory') return 'which ends with the process'
  return durability === 'process' ? `where a power loss may take ${taken}` : null
}

function overflowOf({ deliver, limits }: Subject['graph']): Encounter[] {
  const { delivery, overflow } = deliver
  const limited =
    limits === undefined ? '' : ' What comes faster than limit lets begin fills the ring.'
  switch (overflow) {
    case 'wait':
      return []
    case 'drop-newest':
      return [
        encounter(delivery, 'full-ring', 'lost', `What comes is dropped, and counted.${limited}`),
      ]
    case 'drop-oldest':
      return [
        encounter(
          delivery,
          'full-ring',
          'lost',
          `What has waited longest is dropped, and counted.${limited}`,
        ),
      ]
    case 'conflate':
      return [
        encounter(
          delivery,
          'full-ring',
          'lost',
          `Of what waits only the newest of each key is kept; the others are counted.${limited}`,
        ),
      ]
    default:
      return overflow satisfies never
  }
}

function encountersOf({ graph, opening }: Subject): Encounter[] {
  const { delivery } = graph.deliver
  const { durability } = opening
  if (durability === 'memory') {
    const gone = 'What waits in memory is lost.'
    return [
      ...overflowOf(graph),
      encounter(delivery, 'kill', 'lost', gone),
      encounter(delivery, 'power-loss', 'lost', gone),
    ]
  }
  const full = encounter(
    delivery,
    'full-disk',
    'stops',
    'The stream ends where it needs space (SEMEL_NO_SPACE); nothing stored is lost, and opened with some it goes on.',
  )
  if (durability === 'process') {
    return [
      encounter(
        delivery,
        'power-loss',
        'unknown',
        'No promise: opening refuses with file and offset, or gives what was sent and nothing else, which may lack receipts and acknowledgments.',
      ),
      full,
    ]
  }
  const sync = encounter(
    delivery,
    'failed-sync',
    'stops',
    'The stream ends (SEMEL_POISONED), and no receipt is given after it; opening it again recovers.',
  )
  if (durability === 'disk') return [full, sync]
  const interval = durationText(durability.interval)
  return [
    encounter(
      delivery,
      'power-loss',
      'limited',
      opening.journal
        ? `Every receipt is honoured; what has none, of the last ${interval} or so, may be lost.`
        : `What was committed in the last ${interval} or so is read again.`,
    ),
    full,
    sync,
  ]
}
