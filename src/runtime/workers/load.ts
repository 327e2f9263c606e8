import { existsSync, realpathSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Delivery } from '../../core/delivery.js'
import { InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import {
  buildOf,
  isDefinition,
  requireGraph,
  withDelivery,
  type AnyDefinition,
  type Graph,
} from '../../pipeline/graph.js'
import { definedIn } from '../../pipeline/with-home.js'
import { Config } from '../settings/config.js'
import { importRemedy } from './import-remedy.js'
import { orStuck } from './stuck.js'
import { importTyped } from './typescript.js'

/** The program itself is there already: its import takes no time, unless it waits for its own end. */
const ownImportMsMax = 10_000

/**
 * The module of a pipeline, imported.
 * @throws SemelError `SEMEL_MODULE` where it is missing, fails, or waits for what never comes
 */
export async function loadModule(url: string): Promise<Record<string, unknown>> {
  if (url.startsWith('file:') && !existsSync(fileURLToPath(url))) {
    throw new SemelError(
      'SEMEL_MODULE',
      `there is no module ${fileURLToPath(url)}; give the path of a built JavaScript module that exports a pipeline`,
    )
  }
  try {
    return await importModule(url)
  } catch (cause) {
    if (cause instanceof SemelError) throw cause
    const who = isMainThread ? '' : ' by a worker thread'
    throw new SemelError(
      'SEMEL_MODULE',
      `the module ${url} can't be imported${who}: ${toError(cause).message}${importRemedy(toError(cause))}`,
      { cause },
    )
  }
}

/** Imports a module. @throws SemelError `SEMEL_MODULE` where that would never end; and what it throws */
export function importModule(url: string): Promise<Record<string, unknown>> {
  return orStuck(
    importTyped(url),
    () =>
      new SemelError(
        'SEMEL_MODULE',
        isProgram(url)
          ? `the module ${url} opens itself while it is being imported, and each waits for the other; put the pipeline into a module of its own, and open that`
          : `the module ${url} waits at its top level for something that never comes; correct its await, and where it opens itself put the pipeline into a module of its own`,
      ),
    isProgram(url) ? ownImportMsMax : undefined,
  )
}

/** Where a pipeline is: a module, and its name there where that is not its default export. */
export interface Whereabouts {
  readonly module: string
  readonly name: string | undefined
}

/**
 * What leads to a pipeline: a module's path or URL, perhaps with a name behind it: `orders.js#bars`.
 * Of a path, the file of that whole name comes first.
 */
export function whereaboutsOf(given: string | URL): Whereabouts {
  const isUrl = given instanceof URL || /^[a-z][a-z+.-]+:/i.test(given)
  const text = String(given)
  const at = text.lastIndexOf('#')
  const module = at < 0 ? text : text.slice(0, at)
  if (isUrl) {
    const name = at < 0 ? '' : decodeURIComponent(text.slice(at + 1))
    return { module: new URL(module).href, name: name === '' ? undefined : name }
  }
  const isNamed = at > 0 && at < text.length - 1 && !existsSync(text)
  return {
    module: pathToFileURL(resolve(isNamed ? module : text)).href,
    name: isNamed ? text.slice(at + 1) : undefined,
  }
}

/**
 * The pipeline that a module exports: under its name, or else as default, which CommonJS that was made
 * of a module has in its default, or as the only one.
 * @param where it comes from; named in the error
 * @throws InvalidArgumentError where that is no pipeline, or one of several
 */
export function definitionOf(
  exports: Record<string, unknown>,
  where: string,
  name?: string,
): unknown {
  if (name !== undefined) return namedOf(exports, where, name)
  let found = exports['default']
  for (let depth = 0; depth < 2 && !isDefinition(found) && hasDefault(found); depth++) {
    found = found.default
  }
  if (isDefinition(found)) return found
  const named = definitionsIn(exports)
  // One with a home is found by its name, however it is exported.
  const [only] = named
  if (named.length === 1 && buildOf(only) !== undefined) return only
  if (found !== undefined) return found
  if (only === undefined) return found
  if (named.length === 1) {
    const exported = Object.keys(exports).find((one) => exports[one] === only)
    throw new InvalidArgumentError(
      `${where}: it exports the pipeline ${only.name} as ${exported}, and none as default; write export default ${exported}`,
    )
  }
  throw new InvalidArgumentError(
    `${where}: it exports the pipelines ${named.map((one) => one.name).join(', ')}, and none as default; say which: ${where}#${only.name}`,
  )
}

function namedOf(exports: Record<string, unknown>, where: string, name: string): unknown {
  const named = definitionsIn(exports)
  const found = named.find((one) => one.name === name)
  if (found !== undefined) return found
  const others = named.length === 0 ? '' : `; it exports ${named.map((one) => one.name).join(', ')}`
  throw new InvalidArgumentError(`${where}: it exports no pipeline ${name}${others}`)
}

/** In a module of CommonJS also those in its default. */
function definitionsIn(exports: Record<string, unknown>): AnyDefinition[] {
  const inner = exports['default']
  const all = [
    ...Object.values(exports),
    ...(typeof inner === 'object' && inner !== null && !isDefinition(inner)
      ? Object.values(inner)
      : []),
  ]
  return [...new Set(all.filter((one) => isDefinition(one)))]
}

/** How a worker finds and builds its pipeline. */
export interface GraphOptions {
  readonly module: string
  /** By which it is found; undefined: it is the default export. */
  readonly pipeline: string | undefined
  readonly config: Uint8Array | undefined
  readonly delivery: string
  /** Of what the opener built. */
  readonly shape: string
}

/** The graph that a worker runs, under a delivery that may differ from its own. */
export async function loadGraph(options: GraphOptions): Promise<Graph> {
  const { module, pipeline, delivery } = options
  workersModule = module
  const exports = await loadModule(module)
  const definition =
    pipeline === undefined ? definitionOf(exports, module) : namedIn(exports, module, pipeline)
  const config = new Config(options.config).value()
  const graph = withDelivery(requireGraph(definition, module, config), delivery as Delivery)
  if (shapeOf(graph) !== options.shape) {
    throw new SemelError(
      'SEMEL_MODULE',
      `the module ${module}: a worker built another pipeline ${graph.name} than the one that was opened; let what it is built of depend on its config alone, and be the same in each thread`,
    )
  }
  return graph
}

/** One that was defined with a home may be exported under any name, or under none. */
function namedIn(exports: Record<string, unknown>, module: string, name: string): unknown {
  const exported = definitionsIn(exports).find((one) => one.name === name)
  return exported !== undefined && buildOf(exported) === undefined
    ? exported
    : definedIn(module, name)
}

/** What two builds of one pipeline must have in common. */
export function shapeOf({ name, accepts, deliver, operators, sinks, resources }: Graph): string {
  return JSON.stringify([
    name,
    accepts.kind === 'frames' ? accepts.size : accepts.kind,
    deliver.delivery,
    operators.map(({ kind }) => kind),
    sinks.map(({ label, sink }) => [label, sink.kind]),
    resources?.length ?? 0,
  ])
}

let workersModule: string | undefined

/**
 * Checks that a worker does not open what it runs: a program that is its own pipeline's module would
 * be run again in each of its workers.
 * @throws SemelError `SEMEL_MODULE`
 */
export function refuseOwnModule(url: string): void {
  if (workersModule === undefined || pathOf(url) !== pathOf(workersModule)) return
  throw new SemelError(
    'SEMEL_MODULE',
    `the module ${url} opens itself: a worker thread imports it for its pipeline, and would run the program again; put the pipeline into a module of its own, and open that, or open it only where isMainThread (node:worker_threads)`,
  )
}

function hasDefault(value: unknown): value is { default: unknown } {
  return typeof value === 'object' && value !== null && 'default' in value
}

/** Whether a module is what Node was started with. */
function isProgram(url: string): boolean {
  const program = process.argv[1]
  return program !== undefined && pathOf(url) === pathOf(pathToFileURL(program).href)
}

/** Of a file its one path, whatever leads to it. */
function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url
  const path = fileURLToPath(url)
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
