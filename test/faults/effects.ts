import { existsSync, readFileSync } from 'node:fs'
import { fileSinkPath } from 'semel'
import type { Output } from './messages.js'
import type { Setting } from './setting.js'

/** What the sink holds, in the order of each of its files. */
export function readEffects(path: string, setting: Setting): Output[] {
  return sinkFiles(path, setting)
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const lines = readFileSync(file, 'latin1').split('\n')
      return setting.sink === 'rewindable' ? wholeLines(lines) : appendedLines(lines)
    })
}

export function sinkFiles(path: string, { sink, shards }: Setting): string[] {
  return sink === 'rewindable'
    ? Array.from({ length: shards }, (_, shard) => fileSinkPath(path, shard, shards))
    : [path]
}

/** Of a file that is cut back: all are whole but for the last, which a kill may have torn. */
export function wholeLines(lines: readonly string[]): Output[] {
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Output)
}

/**
 * Of a file that is only appended to: what a kill has left of a line is no output. Another worker of the
 * killed process may have written a whole one behind it.
 */
export function appendedLines(lines: readonly string[]): Output[] {
  return lines.flatMap((line) => {
    if (!line.endsWith('}')) return []
    return [JSON.parse(line.slice(line.lastIndexOf('{'))) as Output]
  })
}
