import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

type Exports = Record<string, unknown>

const typed = /\.(?:[cm]?ts|tsx)(?:\?|$)/

let isArranged = false

/**
 * Imports a module, of TypeScript too: where Node does not strip types by itself, by the `tsx` that is
 * installed beside the module. A loader that the program was started with need not reach its workers.
 */
export async function importTyped(url: string): Promise<Exports> {
  // Before the first attempt: Node remembers that a module could not be imported.
  if (!isArranged && url.startsWith('file:') && typed.test(url) && !isStripped()) {
    isArranged = isLoaded() || (await registerTsx(url))
  }
  return (await import(url)) as Exports
}

function isStripped(): boolean {
  return ((process.features as { typescript?: unknown }).typescript ?? false) !== false
}

/** Whether this thread was started by tsx. */
function isLoaded(): boolean {
  return isMainThread && process.execArgv.some((word) => /\btsx\b/.test(word))
}

/** Whether there is one. */
async function registerTsx(url: string): Promise<boolean> {
  const api = tsxApi(fileURLToPath(url.replace(/[?#].*$/, '')))
  if (api === undefined) return false
  const { register } = (await import(api)) as { register: () => unknown }
  register()
  return true
}

/** The module of tsx for programs, as `import` finds it from a file; `require` would find another. */
function tsxApi(from: string): string | undefined {
  try {
    const path = createRequire(from).resolve('tsx/package.json')
    const { exports } = JSON.parse(readFileSync(path, 'utf8')) as {
      exports: { './esm/api': { import: { default: string } } }
    }
    return new URL(exports['./esm/api'].import.default, pathToFileURL(path)).href
  } catch {
    // There is none, or one of another shape.
    return undefined
  }
}
