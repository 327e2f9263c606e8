import type { SemelError } from '../core/errors.js'
import { InvalidArgumentError } from '../core/errors.js'
import { addon } from '../native/addon.js'
import { requireGraph, withDelivery, type Definition } from '../pipeline/graph.js'
import { Inline } from './inline.js'
import { loadModule, moduleUrl } from './load.js'
import { nativeOptions } from './native-options.js'
import { settle, type OpenOptions } from './options.js'
import type { Runner, RunnerEvent } from './runner.js'
import { Stream } from './stream.js'
import { Workers } from './workers.js'

/**
 * Opens a pipeline: locks and recovers its directory, connects its sinks, starts its workers.
 * @param pipeline a module's URL or path, whose default export is the definition; with `workers: 0`
 * also the definition itself. Workers import the module for themselves.
 * @throws SemelError naming the option, value and remedy; nothing stored is lost
 */
export async function open<In>(
  pipeline: URL | string | Definition<In>,
  options?: OpenOptions,
): Promise<Stream<In>> {
  const url = typeof pipeline === 'string' || pipeline instanceof URL ? moduleUrl(pipeline) : ''
  const definition = url === '' ? pipeline : (await loadModule(url))['default']
  const found = requireGraph(definition, url === '' ? 'open' : url)
  const settings = settle(options, found.deliver.delivery)
  // Checked again: a definition may come from another copy of the library.
  const graph = withDelivery(found, settings.delivery)
  if (url === '' && settings.workers > 0) {
    throw new InvalidArgumentError(
      `open: a worker thread can't take over the definition of ${graph.name}; give the URL of the module that exports it as default, or workers: 0`,
    )
  }

  if (graph.sink.kind === 'transactional' && settings.delivery === 'exactly-once') {
    throw new InvalidArgumentError(
      `open: the sink ${graph.sink.name} is transactional, and this version can't ask such a sink for its position after a crash yet; use a rewindable or an idempotent sink, or at-least-once`,
    )
  }

  const stream: { opened?: Stream<In> } = {}
  const { shards, ...native } = addon().open(nativeOptions(graph, settings), () =>
    stream.opened?.noticed(),
  )
  const { handle } = native
  const opened = new Stream<In>({ ...native, graph, settings, recovered: shards })
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
