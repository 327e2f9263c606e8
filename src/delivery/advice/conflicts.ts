import type { Durability } from '../../core/delivery.js'
import { durationText } from '../../core/durations.js'
import type { Conflict, FittingFigure } from './choice.js'
import type { CompleteNeeds } from '../needs.js'
import { diskAnswerMs, handoverMs, syncMs } from './times.js'

/** Needs that can't be met together. */
export function conflictsOf(
  { latencyMs, ratePerSecond }: CompleteNeeds,
  durability: Durability,
  figure: FittingFigure,
  workers: number,
): Conflict[] {
  const conflicts: Conflict[] = []
  if (latencyMs !== null && durability === 'disk' && latencyMs < diskAnswerMs) {
    conflicts.push({
      says: `An answer within ${durationText(latencyMs)} and the survival of a power loss exclude each other: at disk it waits for the sync under way and for its own, and one takes about ${durationText(syncMs)} on a fast drive.`,
      nearest: `durability 'disk' with an answer in about ${durationText(diskAnswerMs)} at the median and some milliseconds at p99, which is what is advised here; or --power-loss no: durability 'process' answers in microseconds and survives kill -9.`,
    })
  } else if (latencyMs !== null && latencyMs < handoverMs) {
    conflicts.push({
      says: `An answer within ${durationText(latencyMs)} is less than it takes to hand a message to another thread and hear back.`,
      nearest: `some ${durationText(handoverMs)}, with waiting: 'spin' and a core for each worker; or push(), which does not wait at all.`,
    })
  }
  if (figure !== null && ratePerSecond !== null && workers > figure.cores) {
    conflicts.push({
      says: `${count(ratePerSecond)}/s is more than this machine can do: one worker did ${count(figure.medianPerSecond)}/s, and there are ${figure.cores} cores.`,
      nearest: `${workers} workers on a machine with more cores than that, or several machines with a part of the keys each.`,
    })
  }
  return conflicts
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
