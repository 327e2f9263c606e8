import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const built = fileURLToPath(new URL('../../build/js/examples/', import.meta.url))

/** A directory that goes with the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'semel-example-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/**
 * Runs an example to its end; what it prints.
 * @throws where it finds something wrong
 */
export async function runExample(example: string, ...args: string[]): Promise<string> {
  const main = join(built, example, 'main.js')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...args])
  if (stderr !== '') throw new Error(stderr)
  return stdout
}

/** What stands behind a label of a report. */
export function figure(printed: string, label: string): string {
  const line = printed.split('\n').find((one) => one.startsWith(`  ${label.padEnd(18)}`))
  return line?.slice(20) ?? `there is no ${label}`
}
