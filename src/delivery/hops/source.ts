import { durationText } from '../../core/durations.js'
import { decisionsOf } from '../decide.js'
import type { Encounter, Hop, Subject } from '../hop.js'
import type { SourceKind } from '../source-kind.js'
import { crashesOfProcess, encounter } from './encounter.js'

/**
 * From sources of one kind to the ring: what is read again after a crash, and how a copy is known.
 * @param names of the sources; empty: it is about the kind
 */
export function sourceHop(subject: Subject, kind: SourceKind, names: readonly string[]): Hop {
  const isKept = decisionsOf(subject.graph.deliver.delivery).ring === 'journal'
  const { what, ...rest } = (isKept ? kept : unkept)[kind](subject)
  const which = names.length === 0 ? '' : `${names.join(', ')} (${kind}): `
  return { hop: 'source', until: null, ...rest, what: `${which}${what}` }
}

type Told = Omit<Hop, 'hop' | 'until'>

/** Where messages are kept until their outcome is committed. */
const kept: { readonly [K in SourceKind]: (subject: Subject) => Told } = {
  replayable: (subject) => ({
    promise: 'exactly-once',
    what: subject.opening.journal
      ? 'Each message is stored with its offset, and a reading goes on behind what every shard has.'
      : 'A reading goes on behind what every shard has committed.',
    why: `A shard skips what it has ${
      subject.opening.journal ? 'stored' : 'committed'
    }, with or without ids and whatever the window. Copies in the source itself are ${
      subject.graph.deliver.by === 'position'
        ? 'messages of their own'
        : 'as messages that are sent again'
    }.`,
    restsOn: 'nothing',
    limit: null,
    encounters: crashesOfProcess(subject.opening).map((fault) =>
      encounter(
        subject.graph.deliver.delivery,
        fault,
        'limited',
        `What was read and not ${subject.opening.journal ? 'stored' : 'committed'} is read again, and nothing else.`,
      ),
    ),
  }),

  acknowledged(subject) {
    const known = knownText(subject)
    return {
      promise: known === undefined ? 'at-least-once' : 'exactly-once',
      what: `A message is acknowledged once it is stored; one that is given again is ${
        known === undefined
          ? 'a new message, without an id and a window'
          : `known by its id ${known}`
      }.`,
      why: `Stored as safely as the durability says, and never acknowledged before. What the source was not told of, it gives again${
        known === undefined ? '.' : ', and must not wait for longer than that.'
      }`,
      restsOn: known === undefined ? 'nothing' : 'window',
      limit:
        known === undefined
          ? 'which may give a message again'
          : `whose copies are known ${known} and no longer`,
      encounters: again(subject, known),
    }
  },

  live: (subject) => ({
    promise: 'at-most-once',
    what: `What was taken and not stored is lost with the process. ${copiesText(subject)}`,
    why: "It can't be asked for a message again, and whoever feeds it has no answer to go by.",
    restsOn: 'your-word',
    limit: 'which gives nothing a second time',
    encounters: ['kill' as const, 'power-loss' as const].map((fault) =>
      encounter(
        subject.graph.deliver.delivery,
        fault,
        'lost',
        'What was taken and not stored is lost. Where the sender can hear back, use send in its place.',
      ),
    ),
  }),
}

/** At most once. */
const unkept: typeof kept = {
  replayable(subject) {
    const { opening, graph } = subject
    const { delivery } = graph.deliver
    const isKeptTo = opening.dir !== ''
    return {
      promise: 'at-most-once',
      what: isKeptTo
        ? 'An offset is written down before its batch is sent.'
        : 'Without a directory nothing keeps how far it was read: the next process begins anew.',
      why: isKeptTo
        ? 'So nothing is read twice, and a crash skips what was under way.'
        : 'Give dir to have it read on.',
      restsOn: 'nothing',
      limit: isKeptTo ? null : 'which the next process reads from its start again',
      encounters: (['kill', 'power-loss'] as const).map((fault) =>
        isKeptTo
          ? encounter(delivery, fault, 'lost', 'What was under way is not read again.')
          : encounter(delivery, fault, 'repeated', 'All of it is read again.'),
      ),
    }
  },

  acknowledged: ({ graph }) => ({
    promise: 'at-most-once',
    what: 'A message is acknowledged before it is processed.',
    why: 'It is processed only where the source has taken that, and has not given the message to somebody else meanwhile.',
    restsOn: 'nothing',
    limit: null,
    encounters: (['kill', 'power-loss'] as const).map((fault) =>
      encounter(
        graph.deliver.delivery,
        fault,
        'lost',
        'What was acknowledged and not processed is not given again.',
      ),
    ),
  }),

  live: (subject) => ({
    promise: 'at-most-once',
    what: `What was taken is lost with the process. ${copiesText(subject)}`,
    why: "It can't be asked for a message again, and whoever feeds it has no answer to go by.",
    restsOn: 'your-word',
    limit: 'which gives nothing a second time',
    encounters: (['kill', 'power-loss'] as const).map((fault) =>
      encounter(subject.graph.deliver.delivery, fault, 'lost', 'What was taken of it is lost.'),
    ),
  }),
}

/** For how long the window knows a copy; undefined: it is not known at all. */
function knownText({ graph }: Subject): string | undefined {
  const { windowMs } = graph.deliver
  return windowMs === undefined ? undefined : `for ${durationText(windowMs)}`
}

function copiesText(subject: Subject): string {
  const known = knownText(subject)
  return known === undefined
    ? 'What whoever feeds it gives twice is two messages.'
    : `What whoever feeds it gives twice is known by its id ${known}.`
}

function again(subject: Subject, known: string | undefined): Encounter[] {
  const { delivery } = subject.graph.deliver
  const effect = known === undefined ? 'repeated' : 'limited'
  const then =
    known === undefined ? 'is stored again, as a message of its own' : 'is a duplicate, and dropped'
  return [
    encounter(
      delivery,
      'sent-again',
      effect,
      `What is given again (a lost answer, a lease that ended) ${then}.`,
    ),
    ...crashesOfProcess(subject.opening).map((fault) =>
      encounter(
        delivery,
        fault,
        effect,
        `What was stored and not acknowledged is given again: it ${then}.`,
      ),
    ),
  ]
}
