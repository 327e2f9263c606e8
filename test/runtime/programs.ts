import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratch } from './verbs.js'

/** Of the project. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A folder with files, in which `semel` and what else is named can be imported by name. */
export function folder(
  files: Readonly<Record<string, string>>,
  packages: readonly string[] = [],
): string {
  const dir = scratch()
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(root, join(dir, 'node_modules', 'semel'), 'dir')
  for (const name of packages) {
    symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name), 'dir')
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

export interface Ended {
  readonly code: number | null
  readonly said: string
}

/** Runs Node in a folder, to its end. */
export function node(dir: string, ...words: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: dir,
    encoding: 'utf8',
    timeout: 100_000,
  })
  return { code: status, said: stdout + stderr }
}
