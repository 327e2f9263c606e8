import type { Delivery } from 'semel'
import { Random } from '../faults/random.js'
import type { Action, Case, Message, Setting, SourceOf, Value } from './case.js'
import { backoffs, operatorAnswers, thrown, thrownBySinks } from './functions.js'
import { drawAnswer } from './ids.js'
import { drawTime } from './times.js'
import { drawValue } from './values.js'

const actionsMax = 14
const rowsMax = 6
/** Where rows are wide, a small ring takes nine of them. */
const wideRowsMin = 11
const wideRowsMax = 16
const partitions = ['a', 'b', 'constructor', '__proto__', 'é', ' ']
const answerNames = Object.keys(operatorAnswers)

/** A case: all of it follows from the seed and the number. */
export function drawCase(seed: string, number: number): Case {
  const random = new Random(`${seed} door ${number}`)
  const isOfReadings = random.chance(0.3)
  const setting = isOfReadings ? readingSetting(random, drawSetting(random)) : drawSetting(random)
  let count = 0
  const message = (): Message => drawMessage(random, setting, ++count)
  const isKilled = setting.sink === 'each' && random.chance(0.03)
  if (isOfReadings) {
    const sources = drawSources(random, message, 2, 0.6)
    const actions = Array.from({ length: random.between(2, actionsMax / 2) }, () =>
      drawReading(random, sources, message, isKilled),
    )
    return { setting, sources, actions: actions.flat() }
  }
  const sources = setting.bare || random.chance(0.5) ? [] : drawSources(random, message)
  const actions = Array.from({ length: random.between(1, actionsMax) }, () =>
    drawAction(random, setting, sources, message, isKilled),
  )
  return { setting, sources, actions }
}

/** What is read again is met where no id tells it, and where a ring is full in the middle of a batch. */
function readingSetting(random: Random, drawn: Setting): Setting {
  const some = { ...drawn, identified: drawn.delivery === 'exactly-once', bare: false } as const
  const small = { ...some, ring: '64KiB' } as const
  if (random.chance(0.6)) return small
  const offsetsOnly = { delivery: 'at-most-once', durability: 'memory', timed: false } as const
  return { ...small, ...offsetsOnly, identified: false }
}

function drawSetting(random: Random): Setting {
  const delivery = random.oneOf<Delivery>(['at-most-once', 'at-least-once', 'exactly-once'])
  // A directory is given in any case: at-most-once keeps the places of its sources in it.
  const durability =
    delivery === 'at-most-once' ? 'memory' : random.chance(0.1) ? 'disk' : 'process'
  const identified = delivery === 'exactly-once' || random.chance(0.4)
  const bare = !identified && random.chance(0.25)
  const raw = !bare && random.chance(0.1)
  const workers = random.chance(0.05) ? 1 : 0
  return {
    delivery,
    durability,
    shards: random.oneOf([1, 1, 1, 2, 3]),
    workers,
    operators: random.oneOf(['sync', 'sync', 'async']),
    acknowledge: random.oneOf(['stored', 'processed', 'batched']),
    sink: workers === 0 && random.chance(0.5) ? 'own' : 'each',
    ring: random.chance(0.08) ? '16MiB' : random.oneOf(['64KiB', '64KiB', '1MiB']),
    least: random.chance(0.15),
    identified,
    keyed: !bare && random.chance(0.5),
    timed: delivery === 'exactly-once' && random.chance(0.3),
    raw,
    bare,
    attempts: random.between(1, 3),
    backoff: random.chance(0.7) ? 'fixed(0)' : random.oneOf(backoffs),
    listener: random.chance(0.7) ? 'nothing' : random.oneOf(['throws', 'rejects'] as const),
  }
}

function drawMessage(random: Random, setting: Setting, n: number): Message {
  const fails = !setting.bare && random.chance(0.2) ? random.between(1, 3) : 0
  const failsIn = random.chance(0.3) ? 'sink' : 'operator'
  const throws =
    failsIn === 'sink' && setting.sink === 'own' && random.chance(0.4) ? thrownBySinks : thrown
  return {
    n,
    value: drawMessageValue(random, setting, n),
    id: setting.identified ? drawAnswer(random) : { kind: 'small number', code: String(n) },
    key: setting.keyed ? drawAnswer(random) : { kind: 'small number', code: '0' },
    time: drawTime(random),
    fails,
    failsIn,
    throws: fails === 0 ? 'null' : random.oneOf(throws),
    answers: random.chance(0.85) ? 'value' : random.oneOf(answerNames),
  }
}

function drawMessageValue(random: Random, setting: Setting, n: number): Value {
  if (setting.raw && random.chance(0.9)) return { kind: 'frame', code: `frame(${n})` }
  if (setting.ring === '16MiB' && random.chance(0.3)) return drawLarge(random)
  return drawValue(random)
}

/** Around the size of the memory that messages are staged in, 1 MiB, and of what is spare in it. */
function drawLarge(random: Random): Value {
  const bytes = random.oneOf([983_040, 1_048_576, 2_000_000]) + random.between(-64, 64)
  return { kind: 'long text', code: `text('${random.oneOf(['x', 'é'])}', ${bytes})` }
}

function drawSources(
  random: Random,
  message: () => Message,
  count = random.between(1, 2),
  wide = 0.2,
): SourceOf[] {
  return Array.from({ length: count }, (_, i) => {
    const partition = i === 0 ? random.oneOf(partitions) : 'second'
    const isWide = random.chance(wide)
    // The ring is full in the middle of a batch where more is given together than it takes.
    const batch = isWide && random.chance(0.8) ? wideRowsMax : random.oneOf([1, 2, 2, wideRowsMax])
    const rows = Array.from(
      { length: isWide ? random.between(wideRowsMin, wideRowsMax) : random.between(1, rowsMax) },
      message,
    )
    return { partition, batch, rows: isWide ? rows.map(widened) : rows }
  })
}

/** Of a size of which a small ring holds few. */
function widened(message: Message): Message {
  if ('kind' in message.value && message.value.kind === 'frame') return message
  return { ...message, value: { kind: 'text', code: "text('x', 6700)" } }
}

/** Mostly readings, side by side and in several lives. */
function drawReading(
  random: Random,
  sources: readonly SourceOf[],
  message: () => Message,
  isKilled: boolean,
): readonly Action[] {
  const choice = random.next()
  if (choice < 0.4) return [drawConsume(random, sources)]
  if (choice < 0.6) {
    const source = random.below(sources.length)
    const rows = (sources[source] as SourceOf).rows.length
    const reading = { do: 'consume', source, rows, awaited: false } as const
    return [reading, reading]
  }
  if (choice < 0.85) return [drawEnd(random, isKilled)]
  if (choice < 0.92) return [{ do: random.oneOf(['drain', 'settle', 'flush'] as const) }]
  return [{ do: 'send', message: message(), awaited: random.chance(0.5) }]
}

function drawConsume(
  random: Random,
  sources: readonly SourceOf[],
): Extract<Action, { do: 'consume' }> {
  const source = random.below(sources.length)
  const all = (sources[source] as SourceOf).rows.length
  const rows = random.chance(0.7) ? all : random.between(0, all)
  return { do: 'consume', source, rows, awaited: random.chance(0.5) }
}

function drawEnd(random: Random, isKilled: boolean): Action {
  if (isKilled && random.chance(0.7)) return { do: 'kill' }
  return { do: 'reopen', beside: random.chance(0.3) }
}

function drawAction(
  random: Random,
  setting: Setting,
  sources: readonly SourceOf[],
  message: () => Message,
  isKilled: boolean,
): Action {
  if (sources.length > 0 && random.chance(0.35)) return drawConsume(random, sources)
  const choice = random.next()
  if (choice < 0.4) return { do: 'send', message: message(), awaited: random.chance(0.5) }
  if (choice < 0.6 && !setting.bare) return { do: 'push', message: message() }
  if (choice < 0.7) {
    const messages = Array.from({ length: random.between(1, 4) }, message)
    return { do: 'sendMany', messages, awaited: random.chance(0.7) }
  }
  if (choice < 0.75) return { do: random.oneOf(['flush', 'ready'] as const) }
  if (choice < 0.82) return { do: random.oneOf(['drain', 'settle'] as const) }
  if (choice < 0.9) return { do: random.oneOf(['retry', 'drop'] as const), letter: random.below(4) }
  return drawEnd(random, isKilled)
}
