import type { Result } from '../result.js'
import type { Bar } from './whisker.js'

/** A picture: what ECharts is told, as data. */
export interface Chart {
  /** Of its file. */
  readonly name: string
  readonly title: string
  readonly heightPx: number
  readonly option: ChartOption
}

export interface ChartOption {
  readonly series: readonly Series[]
  readonly [name: string]: unknown
}

export interface Series {
  readonly type: string
  /** Of a custom series: drawn by `whisker` over this bar. */
  readonly whisker?: Bar & { readonly categories: number }
  readonly [name: string]: unknown
}

export const chartWidthPx = 960

/** What a case is called on an axis. */
export function categoryOf({
  suite,
  contender,
  delivery,
  durability,
  label,
  case: name,
}: Result): string {
  if (delivery === undefined || durability === undefined) return name
  const who =
    contender === undefined || (contender === 'semel' && suite !== 'contenders')
      ? ''
      : `${contender} `
  return [`${who}${delivery} ${durability}`, label].filter((part) => part !== undefined).join(', ')
}

/** The cases that are drawn alike: sent and told of in the same way. */
export function groupOf({ acknowledge, message }: Result): string {
  const kind = message === undefined || message === 'object' ? '' : `${message} `
  return `${kind}${acknowledge ?? 'pushed'}`
}

/** A chart's name: of a file, and so in few letters. */
export function named(suite: string | undefined, name: string): string {
  return [suite, name]
    .filter((part) => part !== undefined)
    .join(' ')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}

export function titled(suite: string | undefined, title: string): string {
  return suite === undefined ? title : `${suite}: ${title}`
}
