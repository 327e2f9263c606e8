import { inspect } from 'node:util'
import type { DeadLetter } from '../../index.js'
import { oneLine } from '../failures.js'
import { plain, type Paint } from '../terminal.js'

/** Of a line where no terminal limits it. */
const columnsDefault = 200
const bytesShown = 64

/** One line: name, time, attempts, the last error, and what fits of the message. */
export function letterLine(
  letter: DeadLetter,
  columns: number | undefined,
  paint: Paint = plain,
): string {
  const { shard, number, sequence, timeMs } = letter
  const parts = [
    `${shard}:${number}`,
    `sequence ${sequence}`,
    timeText(timeMs),
    printable(reasonOf(letter)),
    printable(contentText(letter, Infinity)),
  ]
  const line = `  ${parts.join('  ')}`
  const width = (columns ?? columnsDefault) - 1
  const cut = line.length > width ? `${line.slice(0, width - 1)}…` : line
  // Only the first word is painted: a line that was cut ends where it ends.
  return cut.replace(`${shard}:${number}`, (name) => paint('bold', name))
}

/** All of a letter. */
export function letterText(letter: DeadLetter, paint: Paint = plain): string {
  const { shard, number, sequence, timeMs, attempts, history, headers = {} } = letter
  const lines = [
    `${paint('bold', `${shard}:${number}`)}: sequence ${sequence}, taken in ${timeText(timeMs)}, attempts ${attempts}`,
    ...history.map(
      ({ attempt, at, error }) => `  attempt ${attempt}, ${timeText(at)}: ${printable(error)}`,
    ),
    ...Object.entries(headers).map(([name, text]) => `  ${printable(`${name}: ${text}`)}`),
    ...contentText(letter, 80)
      .split('\n')
      .map((line) => `  ${printable(line)}`),
  ]
  return `${lines.join('\n')}\n`
}

/** A letter as JSON has it: bytes as base64, integers over 2^53 as texts of digits. */
export function letterJson({ payload, ...letter }: DeadLetter): object {
  const told = payload === undefined ? letter : { ...letter, payload: payload.toString('base64') }
  return JSON.parse(JSON.stringify(told, jsonValue)) as object
}

/** Why a message is a dead letter: its last error, or what is wrong with the row. */
export function reasonOf({ history, malformed, undecodable }: DeadLetter): string {
  const error = history.at(-1)?.error
  if (malformed !== undefined) return `line ${malformed.line}: ${malformed.reason}`
  return error ?? (undecodable === undefined ? 'no reason is kept' : `undecodable: ${undecodable}`)
}

function contentText({ message, malformed, undecodable, payload }: DeadLetter, width: number) {
  if (malformed !== undefined) return inspect(malformed.text, { breakLength: Infinity })
  if (undecodable !== undefined) return `can't be decoded (${undecodable}): ${bytesText(payload)}`
  if (message instanceof Uint8Array) return bytesText(message)
  return inspect(message, { depth: 16, breakLength: width, maxArrayLength: 1000 })
}

function bytesText(bytes: Uint8Array = new Uint8Array(0)): string {
  const hex = Buffer.from(bytes.subarray(0, bytesShown)).toString('hex')
  return `${bytes.length} bytes ${hex}${bytes.length > bytesShown ? '…' : ''}`
}

function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}

/** On one line, and without what a terminal would obey. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return oneLine(text).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')
}

function jsonValue(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const own = this[name]
  if (typeof own === 'bigint') return String(own)
  if (own instanceof Uint8Array) {
    return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64')
  }
  if (own instanceof Map) return [...own]
  if (own instanceof Set) return [...own]
  return value
}
