import { wrapped } from '../print/text.js'
import type { Guarantee } from './guarantee.js'
import { faultNames, faultsText, type Effect, type Encounter, type Hop } from './hop.js'

const columns = 100
const indent = 11

/**
 * The report for people: the whole in a line, then hop by hop, at most 100 columns wide.
 * @example console.log(guaranteeText(stream.guarantee()))
 */
export function guaranteeText(guarantee: Guarantee): string {
  if (guarantee.classes.length > 0) return guarantee.classes.map(guaranteeText).join('\n')
  const { summary, delivery, hops, through, notThrough } = guarantee
  return [
    ...wrapped(summary, columns, 2, 0),
    ...hops.flatMap((hop) => ['', ...hopLines(hop, guarantee)]),
    '',
    ...block('whole', `${delivery} through ${faultsText(through)}`),
    ...(notThrough.length > 0 ? block('', `not through ${faultsText(notThrough)}`) : []),
    '',
  ].join('\n')
}

function hopLines(hop: Hop, { weakest }: Guarantee): string[] {
  const title = `${hop.promise}${restText(hop)}${hop.hop === weakest ? '; the weakest hop' : ''}`
  return [
    ...block(hop.hop, title),
    ...block('', hop.what),
    ...block('', hop.why),
    ...(hop.until === null ? [] : block('', `Until: ${hop.until}`)),
    ...hop.encounters.flatMap((one) =>
      wrapped(encounterText(one), columns, indent + 4, indent + 2),
    ),
  ]
}

function restText({ restsOn }: Hop): string {
  switch (restsOn) {
    case 'nothing':
      return ''
    case 'window':
      return ', within the window'
    case 'committed-reads':
      return ', of what is committed'
    case 'your-word':
      return ', on your word'
    default:
      return restsOn satisfies never
  }
}

const effects: { readonly [E in Effect]: string } = {
  lost: 'may lose',
  repeated: 'may repeat',
  unknown: 'may lose or repeat',
  stops: 'stops',
  limited: 'holds',
}

function encounterText({ fault, effect, holds, says }: Encounter): string {
  return `${holds ? '·' : '!'} ${faultNames[fault]} (${effects[effect]}): ${says}`
}

function block(title: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, columns, indent, indent)
  return [title.padEnd(indent) + first.slice(indent), ...rest]
}
