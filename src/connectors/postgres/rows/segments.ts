import type { TableShape } from './table-shape.js'

/** An output as a table takes it. */
export interface TableRow {
  readonly shape: TableShape
  /** As the server reads them. */
  readonly values: readonly (string | null)[]
  /** Undefined where rows have no key. */
  readonly key: string | undefined
}

/** Of the texts of one statement; a message to the server has less than 1 GiB. */
const charactersMax = 2 ** 25

/**
 * Rows, in order, in as few groups as can be, each of which one statement may write in any order. A row
 * that another one of its group makes as if it had never been, is left out.
 */
export function segmentsOf(rows: readonly TableRow[]): readonly (readonly TableRow[])[] {
  const segments: TableRow[][] = []
  let newest = new Map<string, number>()
  let segment: (TableRow | undefined)[] = []
  let characters = 0
  const end = (): void => {
    if (segment.length > 0) segments.push(segment.filter((row) => row !== undefined))
    segment = []
    newest = new Map()
    characters = 0
  }
  for (const row of rows) {
    const more = charactersOf(row)
    if (characters + more > charactersMax || parts(row, segment.at(-1))) end()
    if (row.key !== undefined) {
      const before = newest.get(row.key)
      const one = before === undefined ? undefined : segment[before]
      if (one !== undefined && !covers(row, one)) end()
      else if (before !== undefined) segment[before] = undefined
      newest.set(row.key, segment.length)
    }
    segment.push(row)
    characters += more
  }
  end()
  return segments
}

/**
 * Whether they can't be of one group, since nobody here knows whether their keys are the same. Among
 * rows of one statement the server finds that itself, and refuses it.
 */
function parts(row: TableRow, before: TableRow | undefined): boolean {
  const mayBeSame = row.key !== undefined && !row.shape.isExact
  return mayBeSame && before !== undefined && before.shape !== row.shape
}

/** Whether nothing is left of the row before it, which has the same key. */
function covers(row: TableRow, before: TableRow): boolean {
  return row.shape.isDelete || row.shape === before.shape
}

function charactersOf({ values }: TableRow): number {
  let sum = 0
  for (const value of values) sum += value?.length ?? 4
  return sum
}
