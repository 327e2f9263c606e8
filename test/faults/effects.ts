import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileSinkPath } from 'semel'
import { idsInDatabase } from './database.js'
import type { Finding } from './finding.js'
import type { Letter } from './job.js'
import type { Output } from './messages.js'
import { isTransactional, type Setting } from './setting.js'

/** What a sink of files holds, in the order of each of them. */
export function readEffects(path: string, setting: Setting): Output[] {
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

/** Of a file beside the sink, which each shard has of its own. */
export function besidePath(path: string, name: 'dead' | 'copy' | 'even'): string {
  return join(dirname(path), `${name}.ndjson`)
}

const nameOf = ({ id, part }: Output): string => `${id}/${part}`
const letterOf = ({ shard, sequence }: Pick<Letter, 'shard' | 'sequence'>): string =>
  `${shard}:${sequence}`

/** What the files beside the sink hold that does not agree with the sink, or with the dead letters. */
export function judgeBeside(
  path: string,
  setting: Setting,
  effects: readonly Output[],
  letters: readonly Letter[],
): Finding[] {
  if (setting.beside === 0) return []
  const evenOnly = setting.beside === 3 ? effects.filter(({ id }) => id % 2 === 0) : undefined
  const dead = readBeside(path, 'dead', setting) as unknown as Letter[]
  return [
    ...differences('copy', readBeside(path, 'copy', setting).map(nameOf), effects.map(nameOf)),
    ...differences('dead', dead.map(letterOf), letters.map(letterOf)),
    ...(evenOnly === undefined
      ? []
      : differences('even', readBeside(path, 'even', setting).map(nameOf), evenOnly.map(nameOf))),
  ]
}

function readBeside(path: string, name: 'dead' | 'copy' | 'even', setting: Setting): Output[] {
  const { shards } = setting
  return Array.from({ length: shards }, (_, shard) =>
    fileSinkPath(besidePath(path, name), shard, shards),
  )
    .filter((file) => existsSync(file))
    .flatMap((file) => wholeLines(readFileSync(file, 'latin1').split('\n')))
}

/** Each of what is due has to be there once, and nothing else. */
function differences(name: string, found: readonly string[], due: readonly string[]): Finding[] {
  const counts = new Map<string, number>()
  for (const one of due) counts.set(one, (counts.get(one) ?? 0) + 1)
  for (const one of found) counts.set(one, (counts.get(one) ?? 0) - 1)
  return [...counts]
    .filter(([, count]) => count !== 0)
    .slice(0, 5)
    .map(([one, count]) => ({
      check: count > 0 ? 'lost' : 'twice',
      text: `${one} is in the file ${name} ${count > 0 ? 'less' : 'more'} often than in the sink, by ${Math.abs(count)}`,
    }))
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
