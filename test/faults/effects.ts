import { existsSync, readFileSync } from 'node:fs'
import { fileSinkPath } from 'semel'
import { idsInDatabase, readOutputs } from './database.js'
import type { Output } from './messages.js'
import { isTransactional, type Setting } from './setting.js'

/** What the sink holds, in the order of each of its files. */
export function readEffects(path: string, setting: Setting): Output[] {
  if (isTransactional(setting)) return readOutputs(path)
  return sinkFiles(path, setting)
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const lines = readFileSync(file, 'latin1').split('\n')
      return setting.sink === 'rewindable' ? wholeLines(lines) : appendedLines(lines)
    })
}

/** The ids that it holds while a child runs. Also of a line that is being written: such a one may count. */
export function idsInSink(path: string, setting: Setting): ReadonlySet<number> {
  if (isTransactional(setting)) return idsInDatabase(path)
  const texts = sinkFiles(path, setting)
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'))
  return new Set(
    texts.flatMap((text) => [...text.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id))),
  )
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
