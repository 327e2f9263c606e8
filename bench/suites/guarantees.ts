import { throughputJobs, type Job } from 'semel/measure'
import { objects, raw } from './messages.js'
import type { Setting, Suite } from './suite.js'

export const codecCeiling = 'object encode + decode on two threads'
const ringCeiling = 'raw64 bare ring between two native threads'

/** Messages a second under each delivery, acknowledgment and durability, in turns with their ceiling. */
export const guarantees: Suite = {
  name: 'guarantees',
  rounds: 3,
  async jobs(setting: Setting): Promise<Job[]> {
    const trades = await objects(setting)
    const ceiling: Job = {
      result: {
        case: codecCeiling,
        message: 'object',
        settings: 'msgpackr with shared shapes into blocks of shared memory; nothing else between',
      },
      script: new URL('../child/codec-ceiling.js', import.meta.url),
      task: { sample: trades.sample, seconds: trades.seconds },
      timeoutMs: 60_000,
    }
    const bareRing: Job = {
      result: {
        case: ringCeiling,
        message: 'raw64',
        settings: 'native/bench/ring_bench: frames of 64 bytes, batches of 512; no ids, no index',
      },
      script: new URL('../child/ring-ceiling.js', import.meta.url),
      task: {},
      timeoutMs: 60_000,
    }
    return [
      ceiling,
      bareRing,
      ...throughputJobs({ ...trades, ceilingBy: codecCeiling }),
      ...throughputJobs({ ...(await raw(setting, 64)), ceilingBy: ringCeiling }, undefined, [
        'pushed',
      ]),
    ]
  },
}
