// node build/js/examples/market/main.js [--shards N] [--workers N] [FILE …]
//
// Without files: the recordings in ../shared/data/market beside the repository, and where there are
// none a generated session.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from 'semel'
import type { Arrival } from './lines.js'
import { readTicks } from './read-ticks.js'
import { receive, sessionSource } from './session.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shards: { type: 'string', default: '2' },
    workers: { type: 'string', default: '2' },
  },
})
const shards = Number(values.shards)
const workers = Number(values.workers)
const files = positionals.length > 0 ? positionals : recordings()

const directory = fileURLToPath(new URL('../../../market/', import.meta.url))
const output = join(directory, 'market.ndjson')
rmSync(directory, { recursive: true, force: true })
process.env['SEMEL_MARKET_OUT'] = output

const session = await receive(files)
const stream = await open<Arrival>(new URL('./market.pipeline.js', import.meta.url), {
  dir: join(directory, 'stream'),
  shards,
  workers,
})
const startMs = performance.now()
await stream.consume(sessionSource(files, () => session))
await stream.drain()
const seconds = (performance.now() - startMs) / 1000
const { stored, processed, duplicate, deadLettered } = stream.counters()
await stream.close()

const { A, B } = session.lines
const ticks = readTicks(output, shards)
const rows: [label: string, ...figures: number[]][] = [
  ['messages on line A, B', A.messages, B.messages],
  ['lacking on line A, B', A.lacking, B.lacking],
  ['duplicates dropped', duplicate],
  ['malformed rows', deadLettered],
  ['lost on both lines', session.lost],
  ['out', processed],
  ['out of order', ticks.outOfOrder],
  ['messages a second', Math.round(stored / seconds)],
]
console.log(files.length > 0 ? files.join('\n') : 'a generated session')
console.log(`${session.published.toLocaleString('en')} messages published`)
for (const [label, ...figures] of rows) {
  const columns = figures.map((figure) => figure.toLocaleString('en').padStart(12))
  console.log(`  ${label.padEnd(24)}${columns.join('')}`)
}
console.log(`written to ${output}`)
if (ticks.count !== processed || ticks.outOfOrder > 0) {
  console.error(`${ticks.count} ticks in the output, ${ticks.outOfOrder} of them out of order`)
  process.exitCode = 1
}

function recordings(): string[] {
  const folder = fileURLToPath(new URL('../../../../../shared/data/market/', import.meta.url))
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .toSorted()
    .map((name) => join(folder, name))
}
