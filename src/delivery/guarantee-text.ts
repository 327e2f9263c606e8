import { wrapped } from '../print/text.js'
import { weakestOf, type Guarantee } from './guarantee.js'
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
  const weakest = weakestOf(hops)
  return [
    ...wrapped(summary, columns, 2, 0),
    ...kindLines(guarantee),
    ...hops.flatMap((hop) => ['', ...hopLines(hop, hop === weakest)]),
    '',
    ...block('whole', `${delivery} through ${faultsText(through)}`),
    ...(notThrough.length > 0 ? block('', `not through ${faultsText(notThrough)}`) : []),
    '',
  ].join('\n')
}

/** Where sources were named, each kind of them has a hop. */
function kindLines({ sources }: Guarantee): string[] {
  if (sources.every(({ names }) => names.length > 0)) return []
  const lines = sources.map(({ kind, promise, what }) => `${kind} (${promise}): ${what}`)
  return ['', ...lines.flatMap((line, i) => block(i === 0 ? 'a source' : '', line))]
}

function hopLines(hop: Hop, isWeakest: boolean): string[] {
  const title = `${hop.promise}${restText(hop)}${isWeakest ? '; the weakest hop' : ''}`
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
