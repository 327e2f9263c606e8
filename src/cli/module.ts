import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { InvalidArgumentError, SemelError, toError } from '../core/errors.js'
import { shown } from '../core/options.js'
import type { Source } from '../core/source.js'
import { isRead, requireGraph, type AnyDefinition, type Graph } from '../pipeline/graph.js'
import { importRemedy } from '../runtime/workers/import-remedy.js'
import { definitionOf, importModule, whereaboutsOf } from '../runtime/workers/load.js'
import { readConfig } from '../runtime/settings/config-file.js'
import { oneLine, UsageError } from './failures.js'
import { waitingFor } from './waiting-for.js'

/** A module with a pipeline, loaded. */
export interface PipelineModule {
  /** As it was given. */
  readonly path: string
  readonly url: URL
  readonly definition: AnyDefinition
  readonly config: unknown
  readonly graph: Graph
  /** What it exports as `source`. */
  readonly source: unknown
}

/**
 * Loads the module that a command was given.
 * @param given its path, perhaps with `#name` behind it
 * @param configPath a JSON file with what the pipeline is configured by
 * @throws SemelError `SEMEL_MODULE` where it can't be loaded, InvalidArgumentError where it exports no
 * pipeline
 */
export async function loadModule(given: string, configPath?: string): Promise<PipelineModule> {
  const { module, name } = whereaboutsOf(resolve(given))
  const path = name === undefined ? given : given.slice(0, -name.length - 1)
  const config = configPath === undefined ? undefined : readConfig(configPath)
  const url = new URL(module)
  if (!existsSync(url) || !statSync(url).isFile()) {
    throw new SemelError(
      'SEMEL_MODULE',
      `${path}: there is no such module from ${process.cwd()}; give the path of a JavaScript file that exports a pipeline as default`,
    )
  }
  const loaded = await load(path, url)
  const exported = definitionOf(loaded, path, name)
  const source = loaded['source'] ?? sourceIn(loaded['default'])
  const graph = requireGraph(exported, path, config)
  if (name !== undefined) url.hash = name
  return { path, url, definition: exported as AnyDefinition, config, graph, source }
}

/** @throws InvalidArgumentError where the pipeline's outputs wait for a program to read them */
export function refuseUnread({ path, graph }: PipelineModule, command: string): void {
  if (!isRead(graph)) return
  throw new InvalidArgumentError(
    `${path}: the outputs of ${graph.name} go to the program that opens it, and ${command} reads none; run that program, or end the pipeline with .to(file('out.ndjson'))`,
  )
}

/**
 * The source of a run: by the module's own `source`, otherwise the files by their extension.
 * @param readFiles makes a source of files
 * @throws UsageError where there is neither; SemelError `SEMEL_MODULE` where `source` makes none
 */
export async function sourceOf(
  module: PipelineModule,
  files: readonly string[],
  readFiles: (files: readonly string[]) => Source<unknown>,
): Promise<Source<unknown>> {
  const { path, source } = module
  if (source === undefined) {
    if (files.length === 0) {
      throw new UsageError(
        `${path}: there is nothing to read; give --source FILE, or export function source(files) from the module`,
      )
    }
    if (module.graph.accepts.kind === 'frames') {
      throw new SemelError(
        'SEMEL_MODULE',
        `${path}: the pipeline ${module.graph.name} takes raw frames, which a file's rows are not; export function source(files) from the module`,
      )
    }
    return readFiles(files)
  }
  if (typeof source !== 'function') {
    throw new SemelError(
      'SEMEL_MODULE',
      `${path}: its source is ${shown(source)}; export a function (files) => Source as source`,
    )
  }
  const making = (async (): Promise<unknown> => source(Object.freeze([...files])))()
  const made = await waitingFor(`the promise of source(files) in ${path}`, making)
  if (isSource(made)) return made
  throw new SemelError(
    'SEMEL_MODULE',
    `${path}: source(files) returned ${shown(made)}, which is no source; return fileSource(…), iterableSource(…) or one of your own`,
  )
}

async function load(path: string, url: URL): Promise<Record<string, unknown>> {
  try {
    return await waitingFor(
      `the module ${path}, with an await at its top level,`,
      importModule(url.href),
    )
  } catch (cause) {
    const { code, message } = toError(cause) as NodeJS.ErrnoException
    if (code?.startsWith('SEMEL_')) throw cause
    const known = importRemedy(toError(cause))
    const remedy = known === '' ? '; correct the module; set SEMEL_DEBUG=1 to see where' : known
    throw new SemelError('SEMEL_MODULE', `${path} can't be loaded: ${oneLine(message)}${remedy}`, {
      cause,
    })
  }
}

/** CommonJS has all that it exports in its default. */
function sourceIn(exported: unknown): unknown {
  return typeof exported === 'object' && exported !== null && 'source' in exported
    ? exported.source
    : undefined
}

function isSource(value: unknown): value is Source<unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { name, read, partitions } = value as Partial<Source<unknown>>
  return typeof name === 'string' && typeof read === 'function' && Array.isArray(partitions)
}
