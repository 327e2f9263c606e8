import { existsSync, realpathSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Delivery } from '../../core/delivery.js'
import { InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import { graphOf, requireGraph, withDelivery, type Graph } from '../../pipeline/graph.js'
import { importRemedy } from './import-remedy.js'
import { orStuck } from './stuck.js'

/** The program itself is there already: its import takes no time, unless it waits for its own end. */
const ownImportMsMax = 10_000

/** A module's path or URL as a URL. */
export function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return /^[a-z][a-z+.-]+:/i.test(module) ? module : pathToFileURL(resolve(module)).href
}

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
    import(url) as Promise<Record<string, unknown>>,
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

/**
 * What a module exports as its pipeline: its default, or what CommonJS that was made of a module has
 * as the default in that.
 * @param where it comes from; named in the error
 * @throws InvalidArgumentError where that is no pipeline
 */
export function definitionOf(exports: Record<string, unknown>, where: string): unknown {
  let found = exports['default']
  for (let depth = 0; depth < 2 && graphOf(found) === undefined && hasDefault(found); depth++) {
    found = found.default
  }
  if (found !== undefined) return found
  const named = Object.keys(exports).find((name) => graphOf(exports[name]) !== undefined)
  if (named === undefined) return found
  throw new InvalidArgumentError(
    `${where}: it exports the pipeline ${graphOf(exports[named])?.name} as ${named}, and none as default; write export default ${named}`,
  )
}

/** The graph that a module exports as default, under a delivery that may differ from its own. */
export async function loadGraph(url: string, delivery: string): Promise<Graph> {
  workersModule = url
  const definition = definitionOf(await loadModule(url), url)
  return withDelivery(requireGraph(definition, url), delivery as Delivery)
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
