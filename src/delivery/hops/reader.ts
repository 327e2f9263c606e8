import type { Delivery } from '../../core/delivery.js'
import type { Encounter, Hop, Rest, SinkSubject } from '../hop.js'
import { crashesOfProcess, encounter } from './encounter.js'
import { sinkHop } from './sink.js'

/** Whoever reads what the sink holds: what they see, and whether it can be taken back. */
export function readerHop(subject: SinkSubject): Hop {
  const {
    sink,
    graph: { deliver },
  } = subject
  return {
    hop: 'reader',
    promise: sinkHop(subject).promise,
    ...view(subject),
    until: null,
    restsOn: restOf(subject),
    encounters: sink.kind === 'rewindable' ? takenBack(subject, deliver.delivery) : [],
  }
}

function view(subject: SinkSubject): Pick<Hop, 'what' | 'why' | 'limit'> {
  const {
    sink,
    graph: { deliver },
  } = subject
  const { delivery } = deliver
  const { name, kind } = sink
  if (sink.volatile === true) {
    return {
      what: `${name} can be read in the thread that it fills: with workers: 0 that is yours.`,
      why: 'A worker thread imports the definition for itself and fills a sink of its own.',
      limit: 'who can be the same thread only',
    }
  }
  switch (kind) {
    case 'rewindable':
      return rewindableView(subject)
    case 'transactional':
      return {
        what: 'A reader sees whole transactions.',
        why:
          delivery === 'at-least-once'
            ? 'One that was committed before a crash and is written again is a new one to a reader.'
            : 'Outputs appear with their transaction, or not at all.',
        limit: null,
      }
    case 'idempotent':
      return {
        what: 'A reader sees each effect as soon as it is made, committed or not.',
        why:
          delivery === 'at-most-once'
            ? 'It is made once.'
            : 'Those made again after a crash come in order, so an older value may show again until the newer one has followed.',
        limit: delivery === 'at-most-once' ? null : 'who may see older values again after a crash',
      }
    case 'repeatable':
      return {
        what: 'A reader sees each effect as soon as it is made, committed or not.',
        why:
          delivery === 'at-most-once'
            ? 'It is made once.'
            : 'Nothing tells a reader which effects were made again after a crash.',
        limit: delivery === 'at-most-once' ? null : 'who may see effects twice',
      }
    default:
      return kind satisfies never
  }
}

function rewindableView({ graph, opening }: SinkSubject): Pick<Hop, 'what' | 'why' | 'limit'> {
  const { delivery } = graph.deliver
  const parts =
    opening.shards > 1 ? ' Each shard has its own, and between them there is no order.' : ''
  if (delivery === 'at-most-once') {
    return {
      what: `A reader sees outputs as soon as they are written.${parts}`,
      why: 'What a dead worker had written and not committed is cut off again, and dropped.',
      limit: null,
    }
  }
  return {
    what: `A reader sees outputs as soon as they are written, a moment before they are committed. All of them are committed once the stream was closed in order.${parts}`,
    why: 'Outputs that were not committed at a crash stay to be seen until the sink is cut back, when a worker takes over or the stream is opened again; then they are written anew, perhaps differently.',
    limit: 'who may see outputs that a crash takes back while the stream is open',
  }
}

function restOf({ sink, graph }: SinkSubject): Rest {
  const { deliver } = graph
  if (deliver.delivery === 'at-most-once' || sink.volatile === true) return 'nothing'
  if (sink.declared === true) return 'your-word'
  return sink.kind === 'rewindable' ? 'committed-reads' : 'nothing'
}

function takenBack({ sink, opening }: SinkSubject, delivery: Delivery): Encounter[] {
  if (sink.volatile === true) return []
  const taken = 'Outputs that were written and not committed can be seen until the sink is cut back'
  const death =
    opening.workers === 0
      ? []
      : [encounter(delivery, 'worker-death', 'limited', `${taken} by the next worker.`)]
  if (delivery === 'at-most-once') return death
  const opened = crashesOfProcess(opening).map((fault) =>
    encounter(delivery, fault, 'limited', `${taken} at the next opening.`),
  )
  return [...death, ...opened]
}
