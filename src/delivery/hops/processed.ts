import { durationText } from '../../core/durations.js'
import { decisionsOf } from '../decide.js'
import type { Encounter, Hop, Subject } from '../hop.js'
import { crashesOfProcess, encounter } from './encounter.js'

/** The handlers run, and the message gets its outcome. */
export function processedHop(subject: Subject): Hop {
  const { delivery } = subject.graph.deliver
  return {
    hop: 'processed',
    promise: delivery,
    what: `The message is acknowledged ${decisionsOf(delivery).acknowledged}. ${runsText(subject)}`,
    why: `${failureText(subject)}${timeoutText(subject)} ${orderText(subject)}`,
    until: null,
    restsOn: 'nothing',
    limit: limitText(delivery),
    encounters: encountersOf(subject),
  }
}

function runsText({ graph }: Subject): string {
  switch (graph.deliver.delivery) {
    case 'at-most-once':
      return 'Its handlers run once or not at all.'
    case 'at-least-once':
      return 'Its handlers run until an outcome is committed, so effects may come again.'
    case 'exactly-once':
      return 'Its outputs, its id and its outcome are one commit. Its handlers may run again; their outputs count once. What they do elsewhere is outside of this: give the id along as an idempotency key.'
    default:
      return graph.deliver.delivery satisfies never
  }
}

function failureText({ graph }: Subject): string {
  if (decisionsOf(graph.deliver.delivery).failed === 'dropped') {
    return 'A message that fails is dropped and counted.'
  }
  const { attempts, hasWhen } = graph.retry
  const orRefused = hasWhen === true ? ", or where retry's when answers false," : ''
  const tried =
    attempts === 1
      ? 'A message that fails is not tried again, but'
      : `A message that fails is parked and tried again; after ${attempts} attempts${orRefused} it`
  return `${tried} becomes a dead letter, kept with payload, error and history.`
}

/** A handler that answers late is not ended by that: what it does then comes beside the next attempt. */
function timeoutText({ graph }: Subject): string {
  const { timeoutMs, retry, deliver } = graph
  if (timeoutMs === undefined) return ''
  const isTriedAgain = decisionsOf(deliver.delivery).failed !== 'dropped' && retry.attempts > 1
  const then = isTriedAgain
    ? 'what it does elsewhere may then happen twice'
    : 'what it does elsewhere may then happen though its message has failed'
  return ` A handler that does not heed its signal goes on after ${durationText(timeoutMs)}: ${then}.`
}

function orderText({ graph }: Subject): string {
  const { delivery, id } = graph.deliver
  if (graph.keyBy === undefined && id === undefined) {
    return 'Without a key no order is promised.'
  }
  const key = graph.keyBy === undefined ? 'one id (there is no keyBy)' : 'one key'
  const order = `Messages of ${key} take effect in the order in which they were stored`
  return decisionsOf(delivery).failed === 'dropped'
    ? `${order}.`
    : `${order}: behind a parked one they wait.`
}

function limitText(delivery: Subject['graph']['deliver']['delivery']): string | null {
  switch (delivery) {
    case 'at-most-once':
      return 'where a message that fails is dropped'
    case 'at-least-once':
      return 'where what was not committed is processed again'
    case 'exactly-once':
      return null
    default:
      return delivery satisfies never
  }
}

function encountersOf(subject: Subject): Encounter[] {
  const { graph, opening } = subject
  const { delivery } = graph.deliver
  if (delivery === 'at-most-once') {
    const most = opening.inFlightMax.toLocaleString('en-US')
    return [
      encounter(delivery, 'handler-failure', 'lost', 'The message is dropped and counted.'),
      deathOf(
        subject,
        'lost',
        `what it had taken, up to ${most} messages of a shard, is dropped and counted`,
      ),
    ]
  }
  const again = delivery === 'exactly-once' ? 'limited' : 'repeated'
  const outputs = delivery === 'exactly-once' ? '; its outputs count once' : ''
  const crashes = crashesOfProcess(opening).map((fault) =>
    encounter(
      delivery,
      fault,
      again,
      `What was not committed is processed again when the stream is opened${outputs}.`,
    ),
  )
  return [
    encounter(
      delivery,
      'handler-failure',
      'limited',
      graph.retry.attempts === 1
        ? 'The message is a dead letter, without outputs; it is kept.'
        : 'The attempt has no outputs and the next one runs everything again; after the last the message is a dead letter, which is kept.',
    ),
    deathOf(
      subject,
      again,
      `what it had not committed is processed again${outputs}. A message that always kills its worker is a dead letter in the end`,
    ),
    ...crashes,
  ]
}

function deathOf(
  { graph, opening }: Subject,
  effect: 'lost' | 'repeated' | 'limited',
  then: string,
) {
  const { delivery } = graph.deliver
  const { workers, heartbeatMs } = opening
  if (workers === 0) {
    return encounter(
      delivery,
      'worker-death',
      'stops',
      'There is no worker: what would end one ends the process, and a handler that never returns holds it up for ever.',
    )
  }
  const replaced =
    heartbeatMs === 0
      ? 'It is replaced, but one that hangs is not found (heartbeat: 0)'
      : `It is replaced, also where it shows no sign of life for ${durationText(heartbeatMs)}`
  return encounter(delivery, 'worker-death', effect, `${replaced}; ${then}.`)
}
