/** A slip: one letter left out, put in, or another, or two that changed places; of long words two. */
const slipsOf = (word: string): number => (word.length > 7 ? 2 : 1)

/** `, perhaps --source`, where a word is a slip away from one of those that there are; otherwise nothing. */
export function perhaps(word: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, slips: slips(word, name) }))
    .filter(({ name, slips: count }) => count <= slipsOf(name))
    .toSorted((a, b) => a.slips - b.slips)
  return near[0] === undefined ? '' : `, perhaps ${near[0].name}`
}

/** Damerau's distance, adjacent letters changing places at most once. */
function slips(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, at) => at)]
  const at = (row: number, column: number): number => rows[row]?.[column] as number
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= to.length; j++) {
      const differs = from[i - 1] === to[j - 1] ? 0 : 1
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + differs)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, at(i - 2, j - 2) + 1)
      }
      row.push(least)
    }
  }
  return at(from.length, to.length)
}
