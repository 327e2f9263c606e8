import { execFileSync } from 'node:child_process'
import type { Result } from 'semel/measure'
import { nativeProgram } from '../child/native-program.js'
import type { Setting } from './suite.js'

/**
 * What native/bench has measured of the core's parts without Node: a line for each case,
 * `name | count | nanoseconds`. Without arguments dedup_bench has more cases, for minutes.
 */
export function nativeResults({ isSmoke }: Setting): Result[] {
  return [
    ...run('ring_bench', ['--messages', isSmoke ? '100000' : '20000000']),
    ...run('ack_log_bench', ['--messages', isSmoke ? '100000' : '8000000']),
    ...(isSmoke ? ['1e4'] : ['1e4', '1e6', '1e8']).flatMap((ids) =>
      run('dedup_bench', ['fill', ids]),
    ),
  ]
}

function run(name: string, words: readonly string[]): Result[] {
  const path = nativeProgram(name)
  if (path === undefined) return [{ case: name, missing: 'it is not built: npm run build:bench' }]
  try {
    const output = execFileSync(path, words, { encoding: 'utf8', timeout: 300_000 })
    return output.split('\n').flatMap((line) => resultOf(line))
  } catch (error) {
    return [{ case: [name, ...words].join(' '), missing: String(error) }]
  }
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
