import type { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** Colours a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

export const plain: Paint = (_style, text) => text

/** A row of a table: a name, and texts that are set flush right below one another. */
export interface Row {
  readonly name: string
  readonly cells: readonly string[]
  readonly style?: Style
}

/** Rows as aligned lines, indented by two. */
export function tableLines(rows: readonly Row[], paint: Paint = plain): string[] {
  const nameWidth = Math.max(0, ...rows.map(({ name }) => name.length))
  const widths: number[] = []
  for (const { cells } of rows) {
    for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  return rows.map(({ name, cells, style }) => {
    const padded = cells.map((cell, i) => cell.padStart(widths[i] ?? 0))
    const line = [name.padEnd(nameWidth), ...padded].join('  ').trimEnd()
    return `  ${style === undefined ? line : paint(style, line)}`
  })
}
