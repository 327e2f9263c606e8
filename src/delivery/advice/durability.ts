import type { Delivery, Durability } from '../../core/delivery.js'
import { durationText } from '../../core/durations.js'
import type { Choice } from './choice.js'
import type { CompleteNeeds } from '../needs.js'

const intervalMs = 100
/** Below it, a sync for each group at `disk` is no dearer. */
const intervalMsMin = 5

export function chooseDurability(needs: CompleteNeeds, delivery: Delivery): Choice<Durability> {
  if (delivery === 'at-most-once') {
    return {
      choice: 'memory',
      because: 'At-most-once keeps messages in memory only.',
      rejected: [],
    }
  }
  if (needs.powerLoss === 'no') {
    return {
      choice: 'process',
      because:
        'Only the death of the process is to be survived: the journal is a mapped file, and what is stored there is with the kernel at once.',
      rejected: [
        { choice: 'disk', because: 'An answer would wait for a sync that nobody asked for.' },
        { choice: 'interval', because: 'It syncs for a power loss that need not be survived.' },
      ],
    }
  }
  const mapped = {
    choice: 'process',
    because: 'A power loss may take what has a receipt already.',
  }
  const everyMs = Math.min(intervalMs, Math.floor((needs.latencyMs ?? Infinity) / 2))
  if (needs.loss === 'some' && everyMs >= intervalMsMin) {
    return {
      choice: { interval: everyMs },
      because: `Some may be lost: a power loss takes at most what was pushed without a receipt in the last ${durationText(everyMs)} or so, and there are few syncs.`,
      rejected: [
        mapped,
        { choice: 'disk', because: 'It syncs group after group to save those too.' },
      ],
    }
  }
  return {
    choice: 'disk',
    because:
      'An answer is given after the write and the sync that cover it, and so survives a power loss.',
    rejected: [
      mapped,
      {
        choice: 'interval',
        because:
          'Its answers survive a power loss too, but wait for the next sync of the interval.',
      },
    ],
  }
}
