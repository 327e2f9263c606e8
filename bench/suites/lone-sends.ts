import type { Acknowledge, Waiting } from 'semel'
import type { Job } from 'semel/measure'
import type { LoneSendTask } from '../child/lone-send.js'
import type { Suite } from './suite.js'

type Durable = LoneSendTask['durability']

/**
 * One message at a time, with a pause before each so that both sides are idle, until it is
 * acknowledged.
 */
export const loneSends: Suite = {
  name: 'lone sends',
  jobs: ({ isSmoke }) =>
    (['process', 'disk'] as const).flatMap((durability) => [
      lone('stored', durability, 1, 'balanced', isSmoke),
      lone('processed', durability, 0, 'balanced', isSmoke),
      lone('processed', durability, 1, 'park', isSmoke),
      lone('processed', durability, 1, 'spin', isSmoke),
    ]),
}

function lone(
  acknowledge: Exclude<Acknowledge, 'batched'>,
  durability: Durable,
  workers: 0 | 1,
  waiting: Waiting,
  isSmoke: boolean,
): Job {
  const way = workers === 0 ? 'inline' : acknowledge === 'stored' ? 'worker' : `worker, ${waiting}`
  const task: LoneSendTask = {
    acknowledge,
    durability,
    workers,
    waiting,
    messages: isSmoke ? 20 : 2000,
  }
  return {
    result: {
      case: `${acknowledge} ${durability}, ${way}`,
      delivery: 'at-least-once',
      acknowledge,
      durability,
      message: 'object',
      settings: `send, one at a time with 1 ms between; ${way}`,
    },
    script: new URL('../child/lone-send.js', import.meta.url),
    task,
    timeoutMs: 120_000,
  }
}
