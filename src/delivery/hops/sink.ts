import type { Delivery } from '../../core/delivery.js'
import type { SinkKind } from '../../core/sink.js'
import type { Effect, Encounter, Hop, SinkSubject } from '../hop.js'
import { encounter } from './encounter.js'

/** Outputs reach the sink: once, or again after a crash, as its kind can tell. */
export function sinkHop(subject: SinkSubject): Hop {
  const {
    sink,
    graph: { deliver },
  } = subject
  const { delivery } = deliver
  const isDeclared = sink.declared === true
  return {
    hop: 'sink',
    promise: promiseOf(delivery, sink.kind),
    what: `${sink.name} is ${sink.kind}${isDeclared ? ', as it was declared' : ''}. ${whatText(delivery, sink.kind)}`,
    why: `${whyText(subject)}${besideText(subject)}`,
    until: null,
    restsOn: restsOnWord(subject) ? 'your-word' : 'nothing',
    limit: limitText(subject),
    encounters: [...crashes(subject), failure(subject)],
  }
}

/** At most once nothing is written twice, but where a call that throws had written some. */
function restsOnWord({ sink, graph: { deliver } }: SinkSubject): boolean {
  return deliver.delivery === 'at-most-once' ? repeatsBatches(sink) : sink.declared === true
}

function repeatsBatches({ kind, inBatches }: SinkSubject['sink']): boolean {
  return kind === 'repeatable' && inBatches === true
}

function promiseOf(delivery: Delivery, kind: SinkKind): Delivery {
  if (delivery !== 'at-least-once') return delivery
  return kind === 'rewindable' || kind === 'idempotent' ? 'exactly-once' : delivery
}

function whatText(delivery: Delivery, kind: SinkKind): string {
  if (delivery === 'at-most-once') return 'Outputs are written once, and never again after a crash.'
  switch (kind) {
    case 'rewindable':
      return 'Its place is committed with each batch; after a crash it is cut back to that place, and what came behind is written again.'
    case 'idempotent':
      return 'After a crash what was not committed is written again, which changes nothing.'
    case 'transactional':
      return delivery === 'exactly-once'
        ? 'Each transaction carries the number of its commit; after a crash, or where an answer is lost, it is asked which one it has before anything is written again.'
        : 'After a crash what was not committed is written again: its position is not asked for, so a transaction that it had committed may come twice.'
    case 'repeatable':
      return 'After a crash what was not committed is written again.'
    default:
      return kind satisfies never
  }
}

function whyText({ sink, graph, opening }: SinkSubject): string {
  const { deliver } = graph
  if (sink.volatile === true)
    return 'Its content lives in the process and goes with it: it is for tests.'
  const word =
    sink.declared === true && deliver.delivery !== 'at-most-once'
      ? 'That it is idempotent is your word ({ idempotent: true }), and nothing can check it: put by id or name, do not append or add. '
      : ''
  if (sink.isRead === true) {
    return deliver.delivery === 'at-most-once'
      ? 'An output counts as written when the loop over stream.outputs() is given it.'
      : 'An output counts as written when the loop over stream.outputs() asks for the next one: what it was given and not asked beyond comes again, to the next loop or at the next opening.'
  }
  if (sink.kind === 'idempotent' || sink.kind === 'repeatable') {
    const ahead =
      typeof opening.durability === 'object'
        ? ' It may be given a message before the sync that covers it.'
        : ''
    const batches = repeatsBatches(sink)
      ? 'A call that throws is made again for each output alone: one that had written some writes those twice, without any crash. '
      : ''
    return `${word}${batches}An output counts as written when its call has returned or its promise has resolved; how durable it is then is the sink's affair.${ahead}`
  }
  if (sink.kind === 'transactional' && deliver.delivery === 'exactly-once')
    return 'It compares number and epoch, and takes only what follows on what it has: so neither a zombie nor a second directory can write. How durable a transaction is, is its affair.'
  if (flushes(opening)) return 'It is flushed before its outputs are acknowledged.'
  return deliver.delivery === 'at-most-once'
    ? 'It is never flushed: what it has written survives the process, and not a power loss.'
    : 'It is not flushed at process: what it has written survives what the journal survives.'
}

/** What being one of several means. */
function besideText({ sink, graph: { sinks, deliver } }: SinkSubject): string {
  if (sinks.length < 2) return ''
  if (deliver.delivery === 'at-most-once')
    return ' A crash between two sinks leaves an output in one of them alone.'
  const isDecided =
    deliver.delivery === 'exactly-once' &&
    sink.kind !== 'transactional' &&
    sinks.some((other) => other.sink.kind === 'transactional')
  const decided = isDecided ? ' The transactional sink decides: it is written before that.' : ''
  return `${decided} One commit covers all ${sinks.length} sinks: after a crash each of them has what was committed; until then a reader of one may be ahead of a reader of another.`
}

function limitText({ sink, graph, opening }: SinkSubject): string | null {
  const { deliver } = graph
  if (sink.volatile === true) return 'which ends with the process'
  if (deliver.delivery === 'at-most-once') {
    return repeatsBatches(sink) ? 'which rests on a call that throws having written none' : null
  }
  if (sink.declared === true) return 'which rests on your word that it is idempotent'
  if (promiseOf(deliver.delivery, sink.kind) === 'at-least-once') {
    return 'which may be given again what was not committed'
  }
  if (flushes(opening)) return null
  if (sink.kind === 'rewindable') return 'which a power loss may cut short'
  return sink.kind === 'transactional' ? 'which a power loss may part from its directory' : null
}

function flushes({ durability }: SinkSubject['opening']): boolean {
  return durability === 'disk' || typeof durability === 'object'
}

const crashFaults = ['worker-death', 'kill', 'power-loss'] as const

function crashes(subject: SinkSubject): Encounter[] {
  const {
    sink,
    graph: { deliver },
  } = subject
  const { delivery } = deliver
  const isInline = subject.opening.workers === 0
  return crashFaults.flatMap((fault) => {
    if (isInline && fault === 'worker-death') return []
    const found =
      sink.volatile === true
        ? volatileCrash(fault)
        : delivery === 'at-most-once'
          ? unkeptCrash(fault, sink.kind)
          : keptCrash(fault, subject)
    return found === undefined ? [] : [encounter(delivery, fault, ...found)]
  })
}

type Crash = (typeof crashFaults)[number]

/** A worker has a sink of its own. */
function volatileCrash(fault: Crash): readonly [Effect, string] {
  return fault === 'worker-death'
    ? ['lost', "The content was the worker's own, and is gone."]
    : ['lost', 'The content is gone.']
}

function unkeptCrash(fault: Crash, kind: SinkKind): readonly [Effect, string] | undefined {
  return fault === 'power-loss' && (kind === 'rewindable' || kind === 'transactional')
    ? ['lost', 'What it had written and the system had not may be lost.']
    : undefined
}

function keptCrash(
  fault: Crash,
  { sink, graph, opening }: SinkSubject,
): readonly [Effect, string] | undefined {
  const { kind, declared } = sink
  if (kind === 'rewindable') {
    return fault === 'power-loss' && !flushes(opening)
      ? [
          'unknown',
          'It may have less than was committed to it: opening then refuses (SEMEL_SINK_BEHIND).',
        ]
      : undefined
  }
  if (kind === 'transactional' && graph.deliver.delivery === 'exactly-once') {
    if (fault !== 'power-loss') return undefined
    return flushes(opening)
      ? [
          'limited',
          'A transaction is as durable as the sink makes it: where it has lost one, opening refuses (SEMEL_SINK_BEHIND).',
        ]
      : [
          'unknown',
          'It may have more than its directory knows, or less: opening then refuses (SEMEL_SINK_AHEAD, SEMEL_SINK_BEHIND).',
        ]
  }
  // The journal itself promises nothing then.
  if (fault === 'power-loss' && !flushes(opening)) return undefined
  if (kind !== 'idempotent') return ['repeated', 'What was not committed is written again.']
  const word = declared === true ? ', on your word' : ''
  return ['limited', `What was not committed is written again, which changes nothing${word}.`]
}

function failure({ sink, graph }: SinkSubject): Encounter {
  const { delivery } = graph.deliver
  const whole =
    'Where it fails as a whole it is tried again for as long as it takes, and holds its shard back'
  const single = 'a message whose output it refuses is'
  if (delivery === 'at-most-once') {
    return encounter(delivery, 'sink-failure', 'lost', `${whole}; ${single} dropped and counted.`)
  }
  const again =
    sink.kind === 'repeatable' ? ', and outputs of it that were written before come again' : ''
  return encounter(
    delivery,
    'sink-failure',
    again === '' ? 'stops' : 'repeated',
    `${whole}; ${single} tried again and then a dead letter${again}.`,
  )
}
