import type { Delivery } from '../../core/delivery.js'
import type { Choice } from './choice.js'
import type { CompleteNeeds } from '../needs.js'

/** Whether messages have to be kept until they are processed. */
export function isKept({ loss, powerLoss }: CompleteNeeds): boolean {
  return loss === 'none' || powerLoss === 'survive'
}

/** The cheapest delivery that meets what is said of loss and of duplicates. */
export function chooseDelivery(needs: CompleteNeeds): Choice<Delivery> {
  const repeats = needs.duplicates === 'none'
  if (!isKept(needs)) {
    return {
      choice: 'at-most-once',
      because: repeats
        ? 'Some may be lost and none may come twice: a message is done with as soon as a worker has it, so a crash repeats none.'
        : 'Some may be lost, so nothing has to be kept: this is the cheapest.',
      rejected: [
        {
          choice: 'at-least-once',
          because: repeats
            ? 'After a crash it processes some messages again.'
            : 'It keeps every message until it is processed, which nobody asked for.',
        },
        {
          choice: 'exactly-once',
          because: 'It keeps messages and knows their ids, which is more than was asked for.',
        },
      ],
    }
  }
  const lossy = {
    choice: 'at-most-once',
    because:
      needs.loss === 'none'
        ? 'It loses what is in flight at a crash, and drops what fails.'
        : 'It keeps messages in memory only, and none survives a power loss.',
  }
  const kept =
    needs.loss === 'none' ? 'None may be lost' : 'What was taken in has to survive a power loss'
  if (repeats && !needs.idempotent) {
    return {
      choice: 'exactly-once',
      because: `${kept}, and none may count twice: id, outcome and outputs are one commit, and copies are known by their id.`,
      rejected: [
        lossy,
        {
          choice: 'at-least-once',
          because:
            'After a crash it processes some messages again, and neither handler nor sink was said to be idempotent.',
        },
      ],
    }
  }
  return {
    choice: 'at-least-once',
    because: repeats
      ? `${kept}, and one that is processed again has no second effect, since handler and sink are idempotent: that is your word.`
      : `${kept}, and one may be processed again.`,
    rejected: [
      lossy,
      {
        choice: 'exactly-once',
        because: repeats
          ? 'Its index of ids costs memory and throughput to keep away copies that change nothing anyway; take it where even that should not rest on your word.'
          : 'Its index of ids costs memory and throughput to keep away copies that are allowed.',
      },
    ],
  }
}
