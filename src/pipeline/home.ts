import { fileURLToPath, pathToFileURL } from 'node:url'
import { InvalidArgumentError } from '../core/errors.js'
import { shown } from '../core/options.js'

/** The module that a definition lives in: `import.meta`, CommonJS's `module`, or its URL. */
export type Home = { readonly url: string } | { readonly filename: string } | URL

/**
 * The URL of a definition's module.
 * @throws InvalidArgumentError where it has none, as `import.meta` in a bundle of CommonJS
 */
export function homeUrl(home: unknown): string {
  if (home instanceof URL) return home.href
  const { url, filename } = (typeof home === 'object' && home !== null ? home : {}) as {
    url?: unknown
    filename?: unknown
  }
  if (typeof url === 'string' && URL.canParse(url)) return url
  if (typeof filename === 'string' && filename !== '') return pathToFileURL(filename).href
  throw new InvalidArgumentError(
    `pipeline: ${shown(home)} tells no module; give import.meta, or module in CommonJS. A bundler that makes CommonJS leaves import.meta empty: keep the pipeline's module out of the bundle`,
  )
}

/** A module's URL as people know it: the path of a file. */
export function homeText(url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}
