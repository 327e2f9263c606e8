import type { Planted } from './bug.js'

const file = 'dist/runtime/sources/acknowledged.js'
const taken = 'test/conformance/acknowledged-sources.test.ts'
const queues = 'test/conformance/acknowledged-lives.test.ts'
const revoked = 'test/conformance/replayable-revocations.test.ts'
const readings = 'test/runtime/source-readings.test.ts'
const groups = 'test/conformance/replayable-lives.test.ts'

/** What an acknowledged source is told, and when. */
export const plantedInSources: readonly Planted[] = [
  {
    name: 'acknowledged-before-stored',
    by: taken,
    file,
    from: 'const refused = await send(',
    to: 'held.safe(token); const refused = await send(',
    what: 'a message is acknowledged upstream before it is stored',
  },
  {
    name: 'processed-before-acknowledged',
    by: queues,
    file,
    from: "const isFirst = target.settings.delivery === 'at-most-once';",
    to: 'const isFirst = false;',
    what: 'at most once, a message is processed before its source has forgotten it',
  },
  {
    name: 'stale-is-processed',
    by: taken,
    file: 'dist/runtime/sources/held.js',
    from: 'isOurs = !(Array.isArray(stale) && stale.includes(token));',
    to: 'isOurs = true;',
    what: 'at most once, a message is processed that its source gives to somebody else',
  },
  {
    name: 'never-extended',
    by: taken,
    file: 'dist/runtime/sources/held.js',
    from: 'if (this.#held.size === 0 || this.#extending !== undefined)',
    to: 'if (this.#held.size >= 0)',
    what: 'messages that wait for room are given again, since nobody extends their leases',
  },
  {
    name: 'safe-before-confirmed',
    by: groups,
    file: 'dist/runtime/sources/confirmed.js',
    from: 'ends[index].ended >= last',
    to: 'ends[index].stored >= last',
    what: 'a source is told that a place is safe when it is stored',
  },
  {
    name: 'revoked-unconfirmed',
    by: revoked,
    file: 'dist/runtime/sources/leaving.js',
    from: 'if (await this.confirmed()) {',
    to: 'if (this.#deadlineMs === Infinity || (await this.confirmed())) {',
    what: 'a partition is let go before what was taken of it is confirmed',
  },
  {
    name: 'given-up-has-effect',
    by: revoked,
    file: 'dist/runtime/loop/give-ups.js',
    from: 'failures.withdraw(finished, out);',
    to: '',
    what: 'what a message that is given up has put out goes to the sink',
  },
  {
    name: 'given-up-is-lost',
    by: groups,
    file: 'dist/runtime/sources/source-offsets.js',
    from: 'this.#stored[shard]?.set(number, offsetBefore(offset));',
    to: 'void [shard, offset];',
    what: 'a partition that comes back is read on behind what was given up of it',
  },
  {
    name: 'two-partitions-one-number',
    by: groups,
    file: 'dist/runtime/sources/assignments.js',
    from: 'known.filter(({ name }) => name === partition)',
    to: 'known.filter(({ name }) => name !== "p1")',
    what: 'two partitions have one number, and pass for each other',
  },
  {
    name: 'told-beyond-the-confirmed',
    by: 'test/conformance/replayable-places.test.ts',
    file: 'dist/runtime/sources/assignment.js',
    from: 'const { offset = 0 } = this.confirmed;',
    to: 'const offset = this.reached;',
    what: 'shards are told of an offset ahead of what is confirmed',
  },
  {
    name: 'told-beyond-the-taken',
    by: readings,
    file: 'dist/runtime/sources/row-taker.js',
    from: 'partition.reached = canonical(row.offset);',
    to: 'partition.reached = canonical(batch.offset);',
    what: 'shards are told of an offset ahead of the rows that were taken of a batch',
  },
  {
    name: 'told-of-a-closed-stream',
    by: revoked,
    file: 'dist/runtime/sources/assignment.js',
    from: '|| ends(0) === undefined',
    to: '',
    what: 'a partition is not let go where its stream is closed while its source is told what is safe',
  },
  {
    name: 'side-by-side',
    by: readings,
    file: 'dist/runtime/sources/source-claims.js',
    from: 'if (busy !== undefined)',
    to: 'if (false)',
    what: 'two readings of one source do not know of each other',
  },
]
