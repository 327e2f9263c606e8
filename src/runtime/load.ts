import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Delivery } from '../core/delivery.js'
import { SemelError, toError } from '../core/errors.js'
import { requireGraph, withDelivery, type Graph } from '../pipeline/graph.js'

/** A module's path or URL as a URL. */
export function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return /^[a-z][a-z+.-]+:/i.test(module) ? module : pathToFileURL(resolve(module)).href
}

/**
 * The module of a pipeline, imported.
 * @throws SemelError `SEMEL_MODULE` where it is missing or fails
 */
export async function loadModule(url: string): Promise<Record<string, unknown>> {
  if (url.startsWith('file:') && !existsSync(fileURLToPath(url))) {
    throw new SemelError(
      'SEMEL_MODULE',
      `there is no module ${fileURLToPath(url)}; give the path of a built JavaScript module that exports a pipeline`,
    )
  }
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (cause) {
    throw new SemelError(
      'SEMEL_MODULE',
      `the module ${url} can't be imported: ${toError(cause).message}`,
      { cause },
    )
  }
}

/** The graph that a module exports as default, under a delivery that may differ from its own. */
export async function loadGraph(url: string, delivery: string): Promise<Graph> {
  const { default: definition } = await loadModule(url)
  return withDelivery(requireGraph(definition, url), delivery as Delivery)
}
