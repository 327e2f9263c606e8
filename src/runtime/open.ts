import type { SemelError } from '../core/errors.js'
import { InvalidArgumentError } from '../core/errors.js'
import { addon } from '../native/addon.js'
import type { Definition } from '../pipeline/graph.js'
import { Inline } from './inline.js'
import { loadModule, moduleUrl } from './load.js'
import { nativeOptions } from './native-options.js'
import type { BatchedOptions, OpenOptions } from './options.js'
import { prepare } from './prepare.js'
import type { Runner, RunnerEvent } from './runner.js'
import { Stream } from './stream.js'
import { Workers } from './workers.js'

/**
 * Opens a pipeline: locks and recovers its directory, connects its sinks, starts its workers.
 * @param pipeline a module's URL or path, whose default export is the definition; with `workers: 0`
 * also the definition itself. Workers import the module for themselves.
 * @throws SemelError naming the option, value and remedy; nothing stored is lost
 */
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options?: OpenOptions<In> & { acknowledge?: 'stored' },
): Promise<Stream<In, Out, 'stored'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options: OpenOptions<In> & { acknowledge: 'processed' },
): Promise<Stream<In, Out, 'processed'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options: OpenOptions<In> & { acknowledge: 'batched' | BatchedOptions<In> },
): Promise<Stream<In, Out, 'batched'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options?: OpenOptions<In>,
): Promise<Stream<In, Out>>
export async function open<In, Out>(
  pipeline: URL | string | Definition<In, Out>,
  options?: OpenOptions<In>,
): Promise<Stream<In, Out>> {
  const url = typeof pipeline === 'string' || pipeline instanceof URL ? moduleUrl(pipeline) : ''
  const definition = url === '' ? pipeline : (await loadModule(url))['default']
  const { graph, settings } = prepare(definition, url === '' ? 'open' : url, options)
  if (url === '' && settings.workers > 0) {
    throw new InvalidArgumentError(
      `open: a worker thread can't take over the definition of ${graph.name}; give the URL of the module that exports it as default, or workers: 0`,
    )
  }

  const stream: { opened?: Stream<In, Out> } = {}
  const { shards, ...native } = addon().open(nativeOptions(graph, settings), () =>
    stream.opened?.noticed(),
  )
  const { handle } = native
  const opened = new Stream<In, Out>({ ...native, graph, settings, recovered: shards })
  const listener = {
    event: (event: RunnerEvent) => opened.ran(event),
    failed: (error: SemelError) => opened.failed(error),
  }
  const { durability } = settings
  const runner: Runner =
    settings.workers === 0
      ? new Inline({ handle, graph, durability, shardCount: settings.shards }, listener)
      : new Workers(
          {
            handle,
            workers: settings.workers,
            shardCount: settings.shards,
            module: url,
            delivery: settings.delivery,
            durability,
            waiting: settings.waiting,
            retry: graph.retry,
            heartbeatMs: settings.heartbeatMs,
            memoryBytes: settings.workerMemoryBytes,
          },
          listener,
        )
  try {
    await opened.start(runner)
  } catch (error) {
    // The cause is the answer, whatever a close under it meets.
    try {
      addon().close(handle)
    } catch {}
    throw error
  }
  stream.opened = opened
  return opened
}
