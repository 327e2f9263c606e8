import type { Acknowledge } from '../../core/acknowledge.js'
import type { Delivery, Durability } from '../../core/delivery.js'
import { durationText } from '../../core/durations.js'
import type { Choice } from './choice.js'
import type { CompleteNeeds } from '../needs.js'
import { batchedRate, batchWithinMs, outcomeMs } from './times.js'

/** When the sender hears back. */
export function chooseAcknowledgment(
  { ratePerSecond, latencyMs }: CompleteNeeds,
  delivery: Delivery,
  durability: Durability,
): Choice<Acknowledge> {
  if (delivery === 'at-most-once') {
    return {
      choice: 'stored',
      because:
        'Nobody sends again what may be lost, so nobody has to wait: push() takes a message without a promise, and send() resolves when it is in the ring.',
      rejected: [
        {
          choice: 'processed',
          because: 'It waits for an outcome after which there is nothing to do.',
        },
        { choice: 'batched', because: 'It gives statuses after which there is nothing to do.' },
      ],
    }
  }
  const rate = ratePerSecond === null ? '' : ` at ${ratePerSecond.toLocaleString('en-US')}/s`
  if (latencyMs !== null && latencyMs < outcomeMs) {
    const level = durability === 'process' ? 'in the journal' : 'safe from a power loss'
    return {
      choice: 'stored',
      because: `An answer within ${durationText(latencyMs)} can't wait for handlers, retries and the sink: it is given when the message is ${level}, and the outcome follows.`,
      rejected: [
        {
          choice: 'processed',
          because: `The outcome takes as long as the handler and its retries: ${durationText(latencyMs)} leaves no room for that.`,
        },
        {
          choice: 'batched',
          because: 'A message would wait for the rest of its batch as well.',
        },
      ],
    }
  }
  if (ratePerSecond !== null && ratePerSecond >= batchedRate) {
    const within = durationText(batchWithinMs(latencyMs))
    return {
      choice: 'batched',
      because: `A promise for each message${rate} is a good part of its cost: a batch has one, with a status for each message, and waits ${within} at most.`,
      rejected: [
        { choice: 'processed', because: `It keeps a promise for each message in flight${rate}.` },
        {
          choice: 'stored',
          because: 'It answers sooner than was asked for, with a promise for each message.',
        },
      ],
    }
  }
  return {
    choice: 'processed',
    because: `There is time to wait for the outcome${rate}: the sender learns what became of its message, and has nothing to look after later.`,
    rejected: [
      {
        choice: 'stored',
        because:
          'It answers before the outcome is known; take it where work is accepted now and done later.',
      },
      {
        choice: 'batched',
        because:
          ratePerSecond === null
            ? 'No rate was given that would need it.'
            : `Too few come${rate} for batches to save much.`,
      },
    ],
  }
}
