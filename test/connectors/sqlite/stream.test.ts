import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { open } from 'semel'
import { database, scratch } from './database.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

const table = 'CREATE TABLE bars (id INTEGER PRIMARY KEY, price REAL NOT NULL CHECK (price >= 0))'

interface Bar {
  readonly id: number
  readonly price: number
}

/** The module of a pipeline into the database. */
function moduleFor(path: string): URL {
  const module = join(mkdtempSync(join(folder, 'bars-')), 'bars.pipeline.js')
  writeFileSync(
    module,
    `import { pipeline } from 'semel'
import { sqlite } from 'semel/sqlite'
export default pipeline('bars')
  .accepts()
  .deliver('at-least-once')
  .retry({ attempts: 1 })
  .to(sqlite(${JSON.stringify(path)}, { table: 'bars' }))
`,
  )
  return pathToFileURL(module)
}

test.each([0, 2])(
  'a stream with %i workers writes rows, and those that are refused are its dead letters',
  async (workers) => {
    const { path, db } = database(table)
    const stream = await open<Bar>(moduleFor(path), {
      dir: join(scratch(), 'stream'),
      workers,
      shards: 2,
    })
    for (let id = 0; id < 200; id++) stream.push({ id, price: id % 50 === 7 ? -1 : id })
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 196, deadLettered: 4 })
    await stream.close()
    expect(db.prepare('SELECT count(*) AS count, sum(id) AS sum FROM bars').get()).toEqual({
      count: 196,
      sum: 19_900 - 7 - 57 - 107 - 157,
    })
  },
)
