import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Bug } from '../door/bug.js'
import { isTransactional, type Setting } from './setting.js'

/** A bug of the runtime, and the cases that it can bite in. */
export interface PlantedInRuntime extends Bug {
  readonly fits: (setting: Setting) => boolean
}

const isOfGroup = ({ groupRows, journal }: Setting): boolean => groupRows > 0 && !journal

/** Of the core's bugs, those that only commits over a database can show. */
const overDatabase = [
  'ids-seen-at-prepare',
  'ring-freed-at-prepare',
  'discarded-letters-stay',
  'confirmed-discarded',
  'backup-adopted',
]

export function isOverDatabase(bug: string): boolean {
  return overDatabase.includes(bug)
}

/** Which cases a bug of the core's can bite in. */
export function fitsOf(bug: string): (setting: Setting) => boolean {
  return isOverDatabase(bug) ? isTransactional : () => true
}

/** What a source is told, and when; what becomes of what it takes back; and whether the sink is asked. */
export const plantedInRuntime: readonly PlantedInRuntime[] = [
  {
    name: 'acknowledged-before-stored',
    what: 'a message is acknowledged upstream before it is stored',
    fits: ({ queueRows, delivery }) => queueRows > 0 && delivery !== 'at-most-once',
    file: 'dist/runtime/sources/acknowledged.js',
    from: 'const refused = await send(',
    to: 'held.safe(token); await new Promise((resolve) => setTimeout(resolve, 1)); const refused = await send(',
  },
  {
    name: 'safe-before-confirmed',
    what: 'an offset is told safe while rows before it are only taken',
    fits: (setting) => isOfGroup(setting) && setting.delivery !== 'at-most-once',
    file: 'dist/runtime/sources/confirmed.js',
    from: 'if (![...lasts].every(([index, last]) => ends[index].ended >= last))',
    to: 'if (lasts === undefined)',
  },
  {
    name: 'given-up-commits',
    what: 'what was given up takes effect all the same',
    fits: (setting) => isOfGroup(setting) && setting.delivery === 'exactly-once',
    file: 'dist/runtime/loop/give-ups.js',
    from: 'if (givenUp.isEmpty)\n            return;\n        const out',
    to: 'if (givenUp !== undefined)\n            return;\n        const out',
  },
  {
    name: 'given-up-forgotten',
    what: 'rows that were given up and come back count as stored',
    fits: (setting) => isOfGroup(setting) && setting.delivery !== 'at-most-once',
    file: 'dist/runtime/sources/source-offsets.js',
    from: 'this.#stored[shard]?.set(number, offsetBefore(offset));',
    to: 'void offset;',
  },
  {
    name: 'two-under-one-number',
    what: 'new partitions that come together have one number',
    fits: (setting) => isOfGroup(setting) && setting.partitions > 1,
    file: 'dist/runtime/sources/source-offsets.js',
    from: 'return next + added.push(partition) - 1;',
    to: 'return added.length > 0 ? next : next + added.push(partition) - 1;',
  },
  {
    name: 'prepared-taken-as-confirmed',
    what: 'a commit counts as soon as it is prepared, and the sink gets it behind that',
    fits: isTransactional,
    file: 'dist/runtime/loop/transactional-committer.js',
    from: 'await link.connection.commit(this.#outputs(finished, given), {',
    to: 'const early = (outputs, commit) => void setTimeout(() => link.connection.commit(outputs, commit).catch(() => {}), 1); early(this.#outputs(finished, given), {',
  },
  {
    name: 'parent-not-compared',
    what: 'the sink takes a commit whatever it holds',
    fits: (setting) => isTransactional(setting) && setting.sinkFails,
    file: 'dist/connectors/sqlite/commits.js',
    from: 'AND lineage IS ? AND commit_epoch IS ? AND n IS ?',
    to: 'AND (1 OR lineage IS ? OR commit_epoch IS ? OR n IS ?)',
  },
  {
    name: 'epoch-raised-after-asking',
    what: 'a commit of before may land between the answer and the epoch',
    fits: (setting) => isTransactional(setting) && setting.sinkFails,
    file: 'dist/connectors/sqlite/connection.js',
    from: 'begin(lineage) {',
    to: 'async begin(lineage) { const last = await this.last(); await sleep(10); const { epoch } = await this.raised(lineage); return { epoch, last }; }\n    raised(lineage) {',
  },
  {
    name: 'written-again-without-asking',
    what: 'a commit whose outcome is unknown is made again, and the sink is not asked',
    fits: (setting) => isTransactional(setting) && setting.sinkFails,
    file: 'dist/runtime/loop/transactional-committer.js',
    from: 'if (!isRefusal(failure))',
    to: 'if (!isRefusal(failure)) { this.#discard(); return false; }\n        if (!isRefusal(failure))',
  },
  {
    name: 'one-of-two-files-not-cut-back',
    what: 'where one sink refuses an output, one of those that have it already keeps it',
    fits: (setting) => setting.beside > 0,
    file: 'dist/runtime/sinks/sink-set.js',
    from: 'if (!isTouched || connection.rewind === undefined)',
    to: 'if (!isTouched || connection.rewind === undefined || part === this.#parts[0])',
  },
]

const folder = (name: string): string =>
  fileURLToPath(new URL(`../../../../build/${name}`, import.meta.url))

/**
 * Makes a copy of the build with fault points that has the bug; children of the build 'planted' run it.
 * @returns what takes it away again
 */
export function plant({ name, file, from, to }: Bug): () => void {
  const copy = folder('planted')
  rmSync(copy, { recursive: true, force: true })
  for (const part of ['package.json', 'dist', 'js', 'build/Release']) {
    cpSync(`${folder('faults')}/${part}`, `${copy}/${part}`, { recursive: true })
  }
  const path = `${copy}/${file}`
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2) {
    throw new Error(`${name}: ${file} does not hold once what is to be changed: ${from}`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
  return () => rmSync(copy, { recursive: true, force: true })
}
