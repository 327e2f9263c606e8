import type { Planted } from './bug.js'

const door = 'dist/connectors/http/door'
const sink = 'dist/connectors/http/sink'
const answers = 'test/connectors/http/answers.test.ts'
const cuts = 'test/connectors/http/cuts.test.ts'
const limits = 'test/connectors/http/limits.test.ts'
const out = 'test/connectors/http/sink.test.ts'
const requests = 'test/connectors/http/requests.test.ts'
const watch = 'test/connectors/http/watch.test.ts'

/** Of requests that become messages, and of outputs that become requests. */
export const plantedInHttp: readonly Planted[] = [
  {
    name: 'each-attempt-its-id',
    what: 'a request that is sent again is another message',
    by: cuts,
    file: `${door}/posts.js`,
    from: 'id: scopedId(scope, ask.raw, key),',
    to: 'id: scopedId(scope, ask.raw, key) + Math.random(),',
  },
  {
    name: 'another-body-taken',
    what: 'a key is answered whatever body it comes with',
    by: answers,
    file: `${door}/posts.js`,
    from: 'if (known.fingerprint !== undefined && known.fingerprint !== fingerprint) {',
    to: 'if (false) {',
  },
  {
    name: 'another-path-taken',
    what: 'a key is answered at whatever path it comes',
    by: answers,
    file: `${door}/json-body.js`,
    from: '.update(`${target}\\n`)',
    to: '',
  },
  {
    name: 'another-account',
    what: 'the same key of two scopes is one',
    by: answers,
    file: `${door}/idempotency-key.js`,
    from: 'return `${scope} ${key}`;',
    to: 'return key;',
  },
  {
    name: 'never-recalled',
    what: 'an effect is asked for in vain before its message is sent again',
    by: answers,
    file: `${door}/posts.js`,
    from: 'if (await this.#isRecalled(known, posted.fingerprint, left))',
    to: 'if (false)',
  },
  {
    name: 'forerunner-compared',
    what: 'a duplicate of an unknown body is remembered as the first',
    by: answers,
    file: `${door}/posts.js`,
    from: "if (outcome === 'duplicate' && found?.fingerprint === undefined)",
    to: 'if (false)',
  },
  {
    name: 'errors-told',
    what: 'clients are told what handlers have thrown',
    by: answers,
    file: `${door}/status.js`,
    from: '...(tells ? { message: error.message } : {})',
    to: 'message: error.message',
  },
  {
    name: 'under-way-for-good',
    what: 'a request counts beyond the end of its message',
    by: limits,
    file: `${door}/posts.js`,
    from: '.finally(over)',
    to: '',
  },
  {
    name: 'free-when-answered',
    what: 'a request counts no more once its client has lost its patience',
    by: limits,
    file: `${door}/posts.js`,
    from: 'isSent = true;',
    to: 'void 0;',
  },
  {
    name: 'nothing-forgotten',
    what: 'answers are remembered beyond their bound',
    by: limits,
    file: `${door}/known-keys.js`,
    from: 'if (this.#bytes <= this.#bytesMax)',
    to: 'if (true)',
  },
  {
    name: 'one-rate-for-all',
    what: 'a client is turned away for what another one sends',
    by: limits,
    file: `${door}/rate.js`,
    from: 'this.#fullMs.get(client)',
    to: '[...this.#fullMs.values()].at(-1)',
  },
  {
    name: 'body-without-a-bound',
    what: 'a body in chunks may be of any length',
    by: requests,
    file: `${door}/node.js`,
    from: 'if (bytes <= bytesMax) {',
    to: 'if (true) {',
  },
  {
    name: 'slow-for-good',
    what: 'a body may take as long as it likes',
    by: requests,
    file: `${door}/posts.js`,
    from: '() => ended.abort(tooSlow(bodyMsMax))',
    to: '() => {}',
  },
  {
    name: 'watchers-kept',
    what: 'a client that watched counts beyond its end',
    by: watch,
    file: `${door}/looks.js`,
    from: 'this.#watchers -= 1;',
    to: '',
  },
  {
    name: 'watched-in-vain',
    what: 'who watches what is not taken after all is never told',
    by: watch,
    file: `${door}/known-keys.js`,
    from: 'this.#failure = { error };\n        this.#tell();',
    to: 'this.#failure = { error };',
  },
  {
    name: 'front-sent-again',
    what: 'what was answered in front of a failure is sent again',
    by: out,
    file: `${sink}/connection.js`,
    from: 'Math.min(...failures.keys())',
    to: '0',
  },
  {
    name: 'retry-after-unheeded',
    what: 'a server is asked again before it wants to be',
    by: out,
    file: `${sink}/connection.js`,
    from: 'waitMs === undefined ? {} : { retryAfter: waitMs }',
    to: '{}',
  },
  {
    name: 'down-is-refused',
    what: 'what a server fails on is a dead letter',
    by: out,
    file: `${sink}/connection.js`,
    from: 'status >= 400 && status < 500',
    to: 'status >= 400',
  },
  {
    name: 'stale-is-down',
    what: 'a kept connection that was closed is a server that is down',
    by: out,
    file: `${sink}/exchange.js`,
    from: 'if (!attempt.wasStale ||',
    to: 'if (true ||',
  },
  {
    name: 'key-that-changes',
    what: 'a message of a stream that keeps nothing has another key once it has failed',
    by: out,
    file: `${sink}/origin.js`,
    from: 'origin.partition === undefined ? idempotencyKey(origin) : undefined',
    to: 'idempotencyKey(origin)',
  },
]
