import type { Job } from 'semel/measure'
import type { SqliteCommitTask } from '../child/sqlite-commit.js'
import type { Suite } from './suite.js'

const names: Readonly<Record<SqliteCommitTask['way'], string>> = {
  bare: 'bare loop',
  table: 'sqlite, table',
  statement: 'sqlite, statement',
}

/** What the sink's checks and the number of the commit cost, beside a loop over the bare driver. */
export const sqliteCommits: Suite = {
  name: 'SQLite commits',
  rounds: 5,
  jobs: ({ isSmoke, pace }) =>
    (
      [
        ['normal', 1000],
        ['normal', 100],
        ['full', 1000],
        ['full', 100],
      ] as const
    ).flatMap(([synchronous, rows]) => {
      const caseOf = (way: SqliteCommitTask['way']): string =>
        `${names[way]}, ${rows} rows, ${synchronous}`
      return (['bare', 'table', 'statement'] as const).map((way): Job => {
        const task: SqliteCommitTask = { way, synchronous, rows, seconds: isSmoke ? 0.02 : pace }
        return {
          result: {
            case: caseOf(way),
            message: 'object',
            settings: `synchronous ${synchronous}, write-ahead log, commits of ${rows} rows of 6 columns without an index`,
          },
          script: new URL('../child/sqlite-commit.js', import.meta.url),
          task,
          timeoutMs: 60_000,
          ceilingBy: caseOf('bare'),
        }
      })
    }),
}
