/** Columns of text: the first is flush left, the others right. */
export function tableOf(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : cell)),
  )
  const widths = (texts[0] ?? []).map((_, i) =>
    Math.max(...texts.map((row) => row[i]?.length ?? 0)),
  )
  return texts
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
