import type { Planted } from './bug.js'

const headers = 'test/runtime/headers.test.ts'
const delayed = 'test/runtime/delayed.test.ts'
const outputs = 'test/runtime/outputs.test.ts'
const limit = 'test/runtime/limit.test.ts'

/** Of what comes with a message, when it may be tried and for how long, and what of it is written. */
export const plantedInMessages: readonly Planted[] = [
  {
    name: 'headers-lost-at-a-retry',
    what: 'a message that is tried again has no headers',
    by: headers,
    file: 'dist/runtime/loop/job-runner.js',
    from: 'this.#slots.context(job, message, job.payload)',
    to: 'this.#slots.context(job, message, job.attempt > 1 ? undefined : job.payload)',
  },
  {
    name: 'headers-of-another',
    what: 'headers that are looked at late are those of the message that has taken the place in the ring',
    by: headers,
    file: 'dist/runtime/operators/slot-reader.js',
    from: 'new Uint8Array(found)',
    to: 'found',
  },
  {
    name: 'headers-lost-in-the-queue',
    what: 'a message that waits for room loses its headers',
    by: headers,
    file: 'dist/runtime/door/ingest.js',
    from: 'envelope === undefined ? bytes : Buffer.concat([envelope.bytes, bytes])',
    to: 'bytes',
  },
  {
    name: 'due-too-early',
    what: 'a message that was sent for later is processed before its time',
    by: delayed,
    file: 'dist/runtime/failures/failure-desk.js',
    from: 'dueMs > 0 && dueMs > this.#nowMs()',
    to: 'dueMs > 0 && dueMs > this.#nowMs() + 1000',
  },
  {
    name: 'due-time-not-written',
    what: 'the time of a message that was sent for later is not written with what parks it',
    by: delayed,
    file: 'dist/runtime/failures/failure-desk.js',
    from: 'const detail = { ...waitBehind(sequence), dueMs };',
    to: 'const detail = waitBehind(sequence);',
  },
  {
    name: 'turns-before-sequences',
    what: 'of messages that are due at an opening each passes for overtaking those that are due later',
    by: delayed,
    file: 'dist/runtime/failures/parking.js',
    from: 'own === undefined ? first.after < sequence : compared(first, own) < 0',
    to: 'first.after < sequence',
  },
  {
    name: 'due-time-not-restored',
    what: 'a message that was sent for later is due at once when the stream is opened again',
    by: delayed,
    file: 'dist/runtime/failures/restore.js',
    from: 'const dueMs = delayedMs > 0 ? delayedMs :',
    to: 'const dueMs = delayedMs > 0 ? nowMs :',
  },
  {
    name: 'output-again',
    what: 'outputs that wait for the loop are handed over again with those that follow',
    by: outputs,
    file: 'dist/connectors/outputs/sink.js',
    from: 'some.slice(this.#waiting, this.#waitingMax)',
    to: 'some.slice(0, this.#waitingMax)',
  },
  {
    name: 'committed-when-given',
    what: 'an output is committed when the loop is given it',
    by: outputs,
    file: 'dist/runtime/outputs/outputs-loop.js',
    from: 'if (shard.parts.isDoneWhenGiven)',
    to: 'if (true)',
  },
  {
    name: 'committed-with-others',
    what: 'outputs that nobody has taken are committed with one that was taken',
    by: outputs,
    file: 'dist/runtime/loop/committer.js',
    from: 'if (written === length)',
    to: 'if (written > 0)',
  },
  {
    name: 'never-full-again',
    what: 'a rest fills the bucket of a rate no further than by one',
    by: limit,
    file: 'src/runtime/operators/limiter.ts',
    from: 'const tolerance = interval * BigInt(burst - 1)',
    to: 'const tolerance = 0n',
  },
  {
    name: 'keys-go-at-any-rate',
    what: 'a rate for each key holds back nothing',
    by: limit,
    file: 'dist/runtime/operators/limiter.js',
    from: 'if (this.#keyLimit === undefined || key === undefined)',
    to: 'if (true)',
  },
  {
    name: 'late-and-not-told',
    what: 'the signal of an attempt is not given when its time is over',
    by: 'test/runtime/handler-errors.test.ts',
    file: 'dist/runtime/operators/time-limit.js',
    from: 'context?.abort(late);',
    to: '',
  },
  {
    name: 'rows-fail-together',
    what: 'a row that fails takes the others of its array along',
    by: 'test/runtime/for-each-batch.test.ts',
    file: 'dist/connectors/for-each/batch.js',
    from: 'await this.#singly(part, position, from);',
    to: 'throw new RejectedOutputs(new Map(part.map((_, i) => [from + i, thrown])), from);',
  },
]
