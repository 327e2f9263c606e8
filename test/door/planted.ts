/** A bug that can be planted into the built library, and what is to find it. */
export interface Planted {
  readonly name: string
  /** What is wrong then. */
  readonly what: string
  readonly file: string
  /** This text, which is there once, … */
  readonly from: string
  /** … is put in the other's place. */
  readonly to: string
}

/** Each would be met at an edge, and by no test of the middle. */
export const planted: readonly Planted[] = [
  {
    name: 'grows-empty',
    what: 'the staging memory grows without what is in it',
    file: 'dist/codec/memory.js',
    from: 'this.bytes.copy(grown);',
    to: '',
  },
  {
    name: 'typed-as-bytes',
    what: 'a typed array arrives as its bytes',
    file: 'dist/codec/carried.js',
    from: "types.isUint8Array(value) ? 'bytes' : 'typed-array'",
    to: "'bytes'",
  },
  {
    name: 'set-as-object',
    what: 'a set is carried as an object without members',
    file: 'dist/codec/carried.js',
    from: 'if (types.isSet(value))',
    to: "if (types.isSet(value)) return 'object'; if (false)",
  },
  {
    name: 'half-letters',
    what: 'half of a surrogate pair is written as another letter',
    file: 'dist/codec/writer.js',
    from: 'if (!text.isWellFormed()) {',
    to: 'if (false) {',
  },
  {
    name: 'one-id-for-halves',
    what: 'ids with half of a surrogate pair are copies of each other',
    file: 'dist/runtime/message/keys.js',
    from: 'if (!answer.isWellFormed())',
    to: 'if (false)',
  },
  {
    name: 'digits-are-numbers',
    what: "the ids '1' and 1 are one",
    file: 'dist/runtime/door/staging.js',
    from: "if (typeof id === 'number') {",
    to: "if (/^\\d$/.test(id)) id = Number(id); if (typeof id === 'number') {",
  },
  {
    name: 'any-key',
    what: 'what is no key is taken for its text',
    file: 'dist/runtime/message/keys.js',
    from: 'throw new InvalidArgumentError(`keyBy: ',
    to: 'return String(`',
  },
  {
    name: 'symbol-thrown',
    what: 'a symbol that was thrown can not be told of',
    file: 'dist/core/thrown.js',
    from: '${String(thrown).slice(0, messageLengthMax)} was thrown',
    to: '${thrown} was thrown',
  },
  {
    name: 'thenable-functions',
    what: 'a function with a then is no promise',
    file: 'dist/core/thenable.js',
    from: "(typeof answer !== 'object' && typeof answer !== 'function')",
    to: "(typeof answer !== 'object')",
  },
  {
    name: 'backoff-throws',
    what: 'a backoff that throws stops the stream',
    file: 'dist/reliability/retry.js',
    from: 'const delayMs = backoffDefault.delayMs(attempt);',
    to: 'if (attempt > 0) throw thrown; const delayMs = 0;',
  },
  {
    name: 'listener-throws',
    what: 'what a listener throws stops the stream',
    file: 'dist/core/emitter.js',
    from: 'atEndOfTick(() => {',
    to: 'if (error !== undefined) throw error; atEndOfTick(() => {',
  },
  {
    name: 'read-again',
    what: 'a second reading on an open stream stores everything again',
    file: 'dist/runtime/sources/source-offsets.js',
    from: 'if (offset > (stored.get(number) ?? 0))',
    to: 'if (offset < 0)',
  },
  {
    name: 'places-of-others',
    what: 'at most once, the place of one source takes the place of the others',
    file: 'dist/runtime/sources/source-offsets.js',
    from: '(_, i) => this.#begun[i] ?? 0',
    to: '() => 0',
  },
  {
    name: 'side-by-side',
    what: 'two readings of one source do not know of each other',
    file: 'dist/runtime/sources/source-claims.js',
    from: 'if (busy !== undefined)',
    to: 'if (false)',
  },
  {
    name: 'bad-row-ends',
    what: 'a row that can not be taken ends the reading',
    file: 'dist/runtime/sources/consume.js',
    from: `throwIfFailed(ingest);
                    malformed += 1;`,
    to: 'throw error;',
  },
  {
    name: 'no-history',
    what: 'a dead letter does not say what was thrown',
    file: 'dist/runtime/failures/letter-reader.js',
    from: 'history: decodeHistory(history)',
    to: 'history: []',
  },
]
