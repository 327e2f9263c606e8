import type { Planted } from './bug.js'

const file = 'dist/runtime/sources/acknowledged.js'
const by = 'test/conformance/acknowledged-sources.test.ts'

/** What an acknowledged source is told, and when. */
export const plantedInSources: readonly Planted[] = [
  {
    name: 'acknowledged-before-stored',
    by,
    file,
    from: 'const refused = await send(',
    to: 'held.safe(token); const refused = await send(',
    what: 'a message is acknowledged upstream before it is stored',
  },
  {
    name: 'processed-before-acknowledged',
    by,
    file,
    from: "const isFirst = target.settings.delivery === 'at-most-once';",
    to: 'const isFirst = false;',
    what: 'at most once, a message is processed before its source has forgotten it',
  },
  {
    name: 'stale-is-processed',
    by,
    file: 'dist/runtime/sources/held.js',
    from: 'isOurs = !(Array.isArray(stale) && stale.includes(token));',
    to: 'isOurs = true;',
    what: 'at most once, a message is processed that its source gives to somebody else',
  },
  {
    name: 'never-extended',
    by,
    file: 'dist/runtime/sources/held.js',
    from: 'if (this.#held.size === 0 || this.#extending !== undefined)',
    to: 'if (this.#held.size >= 0)',
    what: 'messages that wait for room are given again, since nobody extends their leases',
  },
]
