import type { Durability } from '../../core/delivery.js'
import type { SynchronousCommit } from './options.js'

/**
 * Each transaction says itself how durable it is to be: what a session was told would be another
 * client's behind a pooler.
 */
const raised = `CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END`

const set = (level: SynchronousCommit): string =>
  `set_config('synchronous_commit', '${level}', true)`

/** An epoch that a crash of the server takes back would be given twice: it is on the disk always. */
export function durableBegin(level: SynchronousCommit | undefined): string {
  return level === undefined || level === 'off' ? raised : set(level)
}

/** Undefined: as the server has it. */
export function durableCommit(
  level: SynchronousCommit | undefined,
  durability: Durability,
): string | undefined {
  if (level !== undefined) return set(level)
  return durability === 'disk' ? raised : undefined
}

/**
 * A statement behind which all that was written is on the disk; undefined where it is anyway. A commit
 * that waits for the disk takes all before it along, but one that has changed nothing does not wait.
 */
export function flushing(
  level: SynchronousCommit | undefined,
  durability: Durability,
): string | undefined {
  const isOff =
    level === 'off' ? 'true' : level === undefined && durability !== 'disk' ? isOffHere : undefined
  if (isOff === undefined) return undefined
  return `SELECT CASE WHEN ${isOff} THEN pg_catalog.pg_logical_emit_message(true, 'semel', '')::text END, ${set('on')}`
}

const isOffHere = `current_setting('synchronous_commit') = 'off'`
