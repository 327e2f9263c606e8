/** `1,234,567`, the same in every locale: scripts read it too. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/**
 * A text as lines of at most `columns` characters, broken at blanks, but not between a number and its
 * unit, nor in front of a dash: `kill -9`.
 * @param indent of all lines but the first, which has `first` blanks
 */
export function wrapped(text: string, columns: number, indent: number, first = indent): string[] {
  const lines: string[] = []
  let line = ' '.repeat(first)
  let isEmpty = true
  for (const word of text.split(/(?<!\d) (?!-)/)) {
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = ' '.repeat(indent)
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}
