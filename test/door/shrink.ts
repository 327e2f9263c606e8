import type { Action, Case, Message, Value } from './case.js'

/** Whether a case still shows what was found. */
export type Shows = (given: Case) => Promise<boolean>

/**
 * The smallest case that can be found which still shows it: actions and rows are taken out, as many at a
 * time as will go (ddmin of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing
 * Input", 2002), then settings and messages are made plain, until nothing more goes.
 */
export async function shrink(
  given: Case,
  shows: Shows,
  triesMax: number,
  msMax = 20_000,
): Promise<Case> {
  let tries = 0
  const until = performance.now() + msMax
  let best = given
  const attempt = async (candidate: Case): Promise<boolean> => {
    if (
      tries >= triesMax ||
      performance.now() > until ||
      JSON.stringify(candidate) === JSON.stringify(best)
    )
      return false
    tries += 1
    if (!(await shows(candidate))) return false
    best = candidate
    return true
  }
  for (let size = Infinity; size > sizeOf(best);) {
    size = sizeOf(best)
    await thin(
      () => best.actions,
      (actions) => attempt({ ...best, actions }),
    )
    for (const [i] of best.sources.entries()) {
      await thin(
        () => best.sources[i]?.rows ?? [],
        (rows) =>
          attempt({
            ...best,
            sources: best.sources.map((one, at) => (at === i ? { ...one, rows } : one)),
          }),
      )
    }
    if (!best.actions.some((action) => action.do === 'consume'))
      await attempt({ ...best, sources: [] })
    for (const [name, value] of Object.entries(plain)) {
      const setting = { ...best.setting, [name]: value }
      // Without ids there is no exactly-once, and only at-most-once is kept in memory.
      if (setting.delivery === 'exactly-once' && !setting.identified) continue
      if (setting.delivery !== 'exactly-once' && setting.timed) continue
      if ((setting.delivery === 'at-most-once') !== (setting.durability === 'memory')) continue
      await attempt({ ...best, setting })
    }
    for (let changed = true; changed;) {
      changed = false
      for (const candidate of plainerMessages(best)) {
        if (await attempt(candidate)) {
          changed = true
          break
        }
      }
    }
  }
  return best
}

function sizeOf(given: Case): number {
  return JSON.stringify(given).length
}

/** Takes out halves, then quarters …, down to single ones. */
async function thin<T>(
  all: () => readonly T[],
  attempt: (left: readonly T[]) => Promise<boolean>,
): Promise<void> {
  for (
    let size = Math.ceil(all().length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < all().length;) {
      const left = all().filter((_, i) => i < at || i >= at + size)
      if (!(await attempt(left))) at += size
    }
  }
}

/** What a setting is where nothing else is needed. */
const plain = {
  shards: 1,
  workers: 0,
  operators: 'sync',
  acknowledge: 'stored',
  sink: 'each',
  ring: '64KiB',
  least: false,
  delivery: 'at-least-once',
  durability: 'process',
  identified: false,
  keyed: false,
  timed: false,
  attempts: 1,
  backoff: 'fixed(0)',
  listener: 'nothing',
} as const satisfies Partial<Case['setting']>

/** Cases in which one message is a little plainer. */
function* plainerMessages(given: Case): Generator<Case> {
  for (const [i, action] of given.actions.entries()) {
    const put = (changed: Action): Case => ({ ...given, actions: given.actions.with(i, changed) })
    if (action.do === 'send' && !action.awaited) yield put({ ...action, awaited: true })
    if (action.do === 'reopen' && action.beside) yield put({ ...action, beside: false })
    if ('message' in action) {
      for (const message of plainer(action.message)) yield put({ ...action, message })
    }
    if ('messages' in action) {
      for (const [at, one] of action.messages.entries()) {
        yield put({ ...action, messages: action.messages.toSpliced(at, 1) })
        for (const message of plainer(one))
          yield put({ ...action, messages: action.messages.with(at, message) })
      }
    }
  }
  for (const [i, source] of given.sources.entries()) {
    for (const [at, row] of source.rows.entries()) {
      for (const message of plainer(row)) {
        yield {
          ...given,
          sources: given.sources.with(i, { ...source, rows: source.rows.with(at, message) }),
        }
      }
    }
  }
}

function* plainer(message: Message): Generator<Message> {
  if (message.fails > 0) yield { ...message, fails: 0, throws: 'null' }
  if (message.fails > 1) yield { ...message, fails: 1 }
  if (message.fails > 0 && message.throws !== "new Error('fails')") {
    yield { ...message, throws: "new Error('fails')" }
  }
  if (message.answers !== 'value') yield { ...message, answers: 'value' }
  const id = { kind: 'small number', code: String(message.n) }
  if (message.id.code !== id.code) yield { ...message, id }
  if (message.key.code !== '0') yield { ...message, key: { kind: 'small number', code: '0' } }
  if (message.time.kind !== 'now') {
    yield { ...message, time: { kind: 'now', code: 'Date.now()' } }
  }
  for (const value of smaller(message.value)) yield { ...message, value }
}

const one: Value = { kind: 'integer', code: '1' }

function* smaller(value: Value): Generator<Value> {
  if ('code' in value) {
    if (value.code.length === 1) return
    yield one
    // Sizes are numbers in the code.
    for (const match of value.code.matchAll(/\d{2,}/g)) {
      const number = Number(match[0])
      for (const less of [Math.floor(number / 2), number - Math.ceil(number / 16), number - 1]) {
        yield {
          ...value,
          code:
            value.code.slice(0, match.index) +
            less +
            value.code.slice(match.index + match[0].length),
        }
      }
    }
    return
  }
  yield one
  if ('array' in value) {
    for (const [i, item] of value.array.entries()) {
      yield item
      yield { array: value.array.toSpliced(i, 1) }
      for (const less of smaller(item)) yield { array: value.array.with(i, less) }
    }
  } else if ('object' in value) {
    for (const [i, [key, member]] of value.object.entries()) {
      yield member
      yield { object: value.object.toSpliced(i, 1) }
      for (const less of smaller(member)) yield { object: value.object.with(i, [key, less]) }
    }
  } else {
    for (const [i, [key, member]] of value.map.entries()) {
      yield key
      yield member
      yield { map: value.map.toSpliced(i, 1) }
      for (const less of smaller(key)) yield { map: value.map.with(i, [less, member]) }
      for (const less of smaller(member)) yield { map: value.map.with(i, [key, less]) }
    }
  }
}
