import type { Planted } from './bug.js'

const drawn = 'test/runtime/waits-drawn.test.ts'
const waits = 'test/runtime/waits.test.ts'

/** Of options at their bounds, of waits that end, and of what is kept of a message. */
export const plantedInWaits: readonly Planted[] = [
  {
    name: 'one-is-too-many',
    what: 'where one message may be awaited, none is taken',
    by: 'door',
    file: 'dist/runtime/door/sender.js',
    from: 'this.#replies.count + this.ingest.awaited >= this.#parts.settings.awaitedMax',
    to: 'this.#replies.count + this.ingest.awaited + 1 >= this.#parts.settings.awaitedMax',
  },
  {
    name: 'parks-some-more',
    what: 'more messages are parked than may be, where few may',
    by: 'test/conformance/bounds.test.ts',
    file: 'dist/runtime/settings/native-options.js',
    from: 'parkedMax: settings.parkedMax',
    to: 'parkedMax: Math.max(16, settings.parkedMax)',
  },
  {
    name: 'beyond-a-timer',
    what: 'what is to come later than a timer can tell comes at once',
    by: 'test/runtime/timers.test.ts',
    file: 'dist/core/waiting/timers.js',
    from: 'Math.min(leftMs, timerMsMax)',
    to: 'leftMs',
  },
  {
    name: 'flush-of-later-ones',
    what: 'flush waits for messages that came after it was called',
    by: 'test/runtime/flush.test.ts',
    file: 'dist/runtime/stream/one-stream.js',
    from: 'this.shardCounters().every(({ durable }, shard) => durable >= before[shard]));',
    to: 'this.shardCounters().every(({ durable, stored }, shard) => durable >= stored && before[shard] >= 0));',
  },
  {
    name: 'deaf-consume',
    what: 'consume does not hear its signal while the ring is full',
    by: 'test/runtime/source-readings.test.ts',
    file: 'dist/runtime/sources/row-taker.js',
    from: 'taken.target.ready({ signal })',
    to: 'taken.target.ready({})',
  },
  {
    name: 'rare-turns',
    what: 'what walks through a source without end gives the event loop a turn every 12 s',
    by: waits,
    file: 'dist/core/waiting/timers.js',
    from: 'nowMs() - this.#sinceMs >= workMsMax;',
    to: 'nowMs() - this.#sinceMs >= 12_000;',
  },
  {
    name: 'endless-close',
    what: 'close waits for what hangs beyond its timeout',
    by: drawn,
    file: 'dist/runtime/stream/closing.js',
    from: 'const isOver = () => hasFailed() || nowMs() >= deadlineMs;',
    to: 'const isOver = () => hasFailed();',
  },
  {
    name: 'endless-wait',
    what: 'a wait does not end with its timeout',
    by: waits,
    file: 'dist/core/waiting/wait.js',
    from: 'if (nowMs() >= this.#deadlineMs) {',
    to: 'if (false) {',
  },
  {
    name: 'close-tells-nobody',
    what: 'whoever waits for a message when the stream is closed is not told',
    by: drawn,
    file: 'dist/runtime/stream/one-stream.js',
    from: 'this.sender.fail(this.#failure ?? new ClosedError());',
    to: '',
  },
  {
    name: 'frames-outlive',
    what: 'a frame can be read when its message has ended and its memory is another one’s',
    by: 'test/runtime/kept-frames.test.ts',
    file: 'dist/runtime/message/frame.js',
    from: 'this.size = -1;',
    to: '',
  },
  {
    name: 'copies-are-views',
    what: 'a copy of a frame shows what is written over it later',
    by: 'test/runtime/kept-frames.test.ts',
    file: 'dist/runtime/message/frame.js',
    from: 'return new Uint8Array(buffer, byteOffset + offset, this.length).slice();',
    to: 'return new Uint8Array(buffer, byteOffset + offset, this.length);',
  },
  {
    name: 'bytes-are-views',
    what: 'bytes in a message that a handler keeps show what is written over them later',
    by: 'door',
    file: 'dist/codec/reader.js',
    from: 'copyBuffers: true',
    to: 'copyBuffers: false',
  },
]
