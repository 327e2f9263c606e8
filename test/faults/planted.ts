import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Bug } from '../door/bug.js'
import type { Setting } from './setting.js'

/** A bug of the runtime, and the cases that it can bite in. */
export interface PlantedInRuntime extends Bug {
  readonly fits: (setting: Setting) => boolean
}

const isOfGroup = ({ groupRows, journal }: Setting): boolean => groupRows > 0 && !journal

/** What a source is told, and when; and what becomes of what it takes back. */
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
