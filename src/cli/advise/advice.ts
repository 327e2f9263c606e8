import { durabilityText } from '../../core/delivery.js'
import { wrapped } from '../../print/text.js'
import type { Advice } from '../../advise.js'
import { plain, type Paint } from '../terminal.js'
import { countText } from '../text.js'

const columns = 100
const indent = 16

/**
 * Advice for people.
 * @param cpu of this machine, to tell whether the figure is of it
 */
export function adviceText(advice: Advice, cpu: string | undefined, paint: Paint = plain): string {
  const { delivery, acknowledgment, durability, conflicts } = advice
  const level = durabilityText(durability.choice)
  const chosen = `${delivery.choice}, acknowledged when ${acknowledgment.choice}, durability ${level}`
  const lines = [paint('bold', conflicts.length === 0 ? chosen : `nearest: ${chosen}`)]
  for (const { says, nearest } of conflicts) {
    lines.push('', ...block('not all at once', says), ...block('nearest', nearest))
  }
  lines.push('')
  for (const [title, choice, { because }] of [
    ['delivery', delivery.choice, delivery],
    ['acknowledgment', acknowledgment.choice, acknowledgment],
    ['durability', level, durability],
  ] as const) {
    lines.push(...block(title, choice), ...block('', because))
  }
  lines.push('', ...codeLines(advice.code), '')
  lines.push(...titled('asks of you', advice.asks), '')
  lines.push(...block('measured', figureText(advice, cpu)), '')
  const rejected = [delivery, acknowledgment, durability].flatMap((choice) => choice.rejected)
  lines.push(
    ...titled(
      'rejected',
      rejected.map(({ choice, because }) => `${choice}: ${because}`),
    ),
  )
  return `${lines.join('\n')}\n`
}

function figureText({ figure }: Advice, cpu: string | undefined): string {
  if (figure === null) {
    return 'no figure: semel bench --json FILE measures this machine, and --figures FILE reads it'
  }
  const { medianPerSecond, minPerSecond, maxPerSecond, date } = figure
  const acknowledged =
    figure.acknowledge === 'none'
      ? 'pushed without an answer to each'
      : `acknowledged when ${figure.acknowledge}`
  const elsewhere = figure.cpu === cpu ? '' : `, on another machine than this (${figure.cpu})`
  return `${countText(medianPerSecond)} messages/s (${countText(minPerSecond)} to ${countText(maxPerSecond)}) with one sender and one worker: ${figure.case}, ${acknowledged}, ${date.slice(0, 10)}${elsewhere}`
}

/** As they are: a line that was broken could not be copied. */
function codeLines(code: readonly string[]): string[] {
  return code.map((line, i) => (i === 0 ? 'write' : '').padEnd(indent) + line)
}

function titled(title: string, texts: readonly string[]): string[] {
  return texts.flatMap((text, i) => block(i === 0 ? title : '', text))
}

function block(title: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, columns, indent)
  return [title.padEnd(indent) + first.slice(indent), ...rest]
}
