import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as vitest from 'vitest'
import type { Sink } from 'semel'
import { describeTransactionalSink } from 'semel/testing'

/** The page's own sink, as a reader copies it. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/guide/sinks.md'), 'utf8')
const code = /^```js\n(\/\/ ledger\.js\n[\s\S]*?)^```$/m.exec(page)?.[1] ?? ''

// Inside the package, so that it finds semel by name.
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'ledger-'))
vitest.afterAll(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'ledger.js')
writeFileSync(path, code)
const { ledger } = (await import(pathToFileURL(path).href)) as {
  ledger(): { sink: Sink<never, 'transactional'>; rows: readonly unknown[] }
}

describeTransactionalSink(vitest, {
  name: 'of docs/guide/sinks.md',
  create() {
    const { sink, rows } = ledger()
    return { sink, read: () => rows, refused: { output: { cents: 0.5 } } }
  },
  output: (id) => ({ cents: id }),
  rejects: true,
  pipelines: { skip: 'one at a time' },
})
