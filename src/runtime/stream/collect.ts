import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SemelError } from '../../core/errors.js'
import { checkOptions } from '../../core/options.js'
import type { Sink } from '../../core/sink.js'
import type { Sourced } from '../../pipeline/deliver.js'
import {
  define,
  intoOne,
  requireGraph,
  type AnyDefinition,
  type Definition,
} from '../../pipeline/graph.js'
import { Config } from '../settings/config.js'
import type { ConfiguredOptions } from '../settings/open-options.js'
import { open } from './open.js'

/** A message of `collect` that did not come out at the other end. */
export interface FailedMessage {
  /** Its index among the messages, from 0. */
  readonly index: number
  readonly error: SemelError
}

/** `collect` has come to its end, and not every message with it. */
export class CollectError extends SemelError {
  readonly failures: readonly FailedMessage[]
  /** What came out nevertheless. */
  readonly outputs: readonly unknown[]

  constructor(pipeline: string, failures: readonly FailedMessage[], outputs: readonly unknown[]) {
    const [{ index, error }] = failures as [FailedMessage]
    super(
      'SEMEL_COLLECT',
      `${pipeline}: ${failures.length} of the messages failed, the first at index ${index}: ${error.message}`,
      { cause: error },
    )
    this.name = 'CollectError'
    this.failures = failures
    this.outputs = outputs
  }
}

/**
 * Runs a pipeline on messages, for tests: its own operators, delivery, retries and dedup, in this thread
 * and with one shard. Its sink is not written: what would have gone there is the answer. Nothing is left
 * behind.
 * @param messages read as far as there is room
 * @returns the outputs, in the order in which they were committed
 * @throws CollectError where a message was dropped or became a dead letter; what reading the messages
 * throws
 * @example
 * const outputs = await collect(bars, trades, { config: { per: '1m' } })
 */
export function collect<In, Out, C>(
  definition: Definition<In, Out, C>,
  messages: Iterable<Sourced<In>> | AsyncIterable<Sourced<In>>,
  ...options: ConfiguredOptions<unknown, C>
): Promise<Out[]>
export async function collect<Out>(
  definition: AnyDefinition,
  messages: Iterable<unknown> | AsyncIterable<unknown>,
  options?: { config?: unknown },
): Promise<Out[]> {
  const { config } = checkOptions<{ config?: unknown }>(options, 'collect', ['config'])
  const graph = requireGraph(definition, 'collect', Config.of(config).value())
  const outputs: Out[] = []
  // The array is sent, and each of its messages is one: it has no positions.
  const { by, ...others } = graph.deliver
  const deliver =
    by === undefined ? graph.deliver : { ...others, delivery: 'at-least-once' as const }
  const own = define<never>(intoOne({ ...graph, deliver }, into(outputs) as Sink<never>))
  const keeps = graph.classes !== undefined || graph.deliver.delivery !== 'at-most-once'
  const dir = keeps ? mkdtempSync(join(tmpdir(), 'semel-collect-')) : undefined
  try {
    const stream = await open(own, {
      ...(dir === undefined ? {} : { dir, durability: 'process' as const }),
      workers: 0,
      // More than this is never in flight, and what is reserved for it is only reserved.
      ring: '1MiB',
    })
    try {
      // Results would have to be data; outputs need not be.
      const statuses = await stream.sendMany(messages as Iterable<never>, { acknowledge: 'stored' })
      // Lets batches go that nothing would fill.
      await stream.drain()
      const errors = await Promise.all(
        statuses.map(async (status) =>
          status.status === 'acknowledged' ? (await status.value.outcome).error : status.error,
        ),
      )
      const failures = errors.flatMap((error, index) =>
        error === undefined ? [] : [{ index, error: error as SemelError }],
      )
      if (failures.length > 0) throw new CollectError(graph.name, failures, outputs)
    } catch (error) {
      // The cause is the answer, whatever a close under it meets.
      await stream.close().catch(() => {})
      throw error
    }
    await stream.close()
    return outputs
  } finally {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  }
}

/** Rewindable, so that every delivery can be kept with it. */
function into<Out>(outputs: Out[]): Sink<Out, 'rewindable'> {
  return Object.freeze({
    name: 'collect',
    kind: 'rewindable' as const,
    volatile: true as const,
    connect: () => ({
      rewind() {},
      place: () => outputs.length,
      write(some: readonly Out[]) {
        for (const output of some) outputs.push(output)
      },
      close() {},
    }),
  })
}
