import { execFileSync } from 'node:child_process'
import type { Result } from 'semel/measure'
import { nativeProgram } from '../child/native-program.js'

let isSmoke = false

/** Native programs are told by their arguments how long to run. */
export function hurryNatives(): void {
  isSmoke = true
}

/**
 * What native/bench has measured of the core's parts without Node: a line for each case,
 * `name | count | nanoseconds`.
 */
export function nativeResults(): Result[] {
  return [
    ...run('ring_bench', isSmoke ? ['--messages', '100000'] : []),
    ...run('dedup_bench', isSmoke ? ['fill', '1e4'] : []),
  ]
}

function run(name: string, words: readonly string[]): Result[] {
  const path = nativeProgram(name)
  if (path === undefined) return [{ case: name, missing: 'it is not built: npm run build:bench' }]
  const output = execFileSync(path, words, { encoding: 'utf8', timeout: 300_000 })
  return output.split('\n').flatMap((line) => resultOf(line))
}

/** A line of the programs' tables: a name, how many, nanoseconds each. */
function resultOf(line: string): Result[] {
  const found = /^(?<name>\S.*?)\s{2,}(?<count>\d+)\s+(?<ns>\d+\.\d+)(?:\s|$)/.exec(line)
  if (found?.groups === undefined) return []
  const { name, count, ns } = found.groups as { name: string; count: string; ns: string }
  const each = Number(ns)
  return [
    {
      case: `${name}, ${Number(count).toLocaleString('en-US')}`,
      nanoseconds: { median: each, min: each, max: each },
    },
  ]
}
