import type { Acknowledge, Waiting } from 'semel'
import type { Job } from 'semel/measure'
import type { LoneSendTask } from '../child/lone-send.js'
import type { Suite } from './suite.js'

type Durable = LoneSendTask['durability']

/**
 * One message at a time until it is acknowledged: the next one at once, or after a pause, in which the
 * machine forgets more than we do.
 */
export const loneSends: Suite = {
  name: 'lone sends',
  jobs: ({ isSmoke }) =>
    (
      [
        ['process', 0],
        ['process', 1],
        ['disk', 1],
      ] as const
    ).flatMap(([durability, pauseMs]) => [
      lone('stored', durability, 1, 'balanced', pauseMs, isSmoke),
      lone('processed', durability, 0, 'balanced', pauseMs, isSmoke),
      lone('processed', durability, 1, 'park', pauseMs, isSmoke),
      lone('processed', durability, 1, 'spin', pauseMs, isSmoke),
    ]),
}

function lone(
  acknowledge: Exclude<Acknowledge, 'batched'>,
  durability: Durable,
  workers: 0 | 1,
  waiting: Waiting,
  pauseMs: 0 | 1,
  isSmoke: boolean,
): Job {
  const way = workers === 0 ? 'inline' : acknowledge === 'stored' ? 'worker' : `worker, ${waiting}`
  const task: LoneSendTask = {
    acknowledge,
    durability,
    workers,
    waiting,
    pauseMs,
    messages: isSmoke ? 20 : pauseMs === 0 ? 50_000 : 2000,
  }
  return {
    result: {
      case: `${acknowledge} ${durability}, ${way}${pauseMs === 0 ? ', no pause' : ''}`,
      delivery: 'at-least-once',
      acknowledge,
      durability,
      message: 'object',
      settings: `send, one at a time${pauseMs === 0 ? '' : ' with 1 ms between'}; ${way}`,
    },
    script: new URL('../child/lone-send.js', import.meta.url),
    task,
    timeoutMs: 120_000,
  }
}
