import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the repository is, seen from the sources as from what is built of them. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)))

/** With node_modules of its own. */
const home = join(root, 'bench', 'contenders')
const require = createRequire(join(home, 'package.json'))

export const installPackages = 'npm install --prefix bench/contenders'

/** A package that is installed for this bench only, and so is not known when this is compiled. */
export function load<T>(name: string): T {
  return require(name) as T
}

/** @returns undefined where it is not installed */
export function packageVersion(name: string): string | undefined {
  const file = join(home, 'node_modules', name, 'package.json')
  if (!existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function findRoot(from: string): string {
  if (existsSync(join(from, 'bench', 'contenders', 'package.json'))) return from
  const above = dirname(from)
  if (above === from) throw new Error('bench/contenders/package.json is in no directory above')
  return findRoot(above)
}
