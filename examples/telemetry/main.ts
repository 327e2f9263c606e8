// node build/js/examples/telemetry/main.js [--shards N] [--workers N] [--generated | FILE …]
//
// Without files: those in ../shared/data/telemetry beside the repository. Where there are none, or with
// --generated, generated ones, with malformed rows among the readings.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from 'semel'
import { generateSensorFiles } from './generate.js'
import type { Row } from './reading.js'
import { sensorFiles } from './sensor-files.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shards: { type: 'string', default: '2' },
    workers: { type: 'string', default: '2' },
    generated: { type: 'boolean', default: false },
  },
})

const directory = fileURLToPath(new URL('../../../telemetry/', import.meta.url))
rmSync(directory, { recursive: true, force: true })
const output = join(directory, 'alerts.ndjson')
process.env['SEMEL_TELEMETRY_OUT'] = output
const files = inputs()

const stream = await open<Row>(new URL('./telemetry.pipeline.js', import.meta.url), {
  dir: join(directory, 'stream'),
  shards: Number(values.shards),
  workers: Number(values.workers),
})
const deadLetters: string[] = []
stream.on('dead-letter', ({ error }) => deadLetters.push(error))
const startMs = performance.now()
await stream.consume(sensorFiles(files))
await stream.drain()
const seconds = (performance.now() - startMs) / 1000
const { stored, processed, deadLettered } = stream.counters()
await stream.close()

for (const [label, figure] of [
  ['files', files.length],
  ['readings', stored - deadLettered],
  ['alerts', processed],
  ['dead-lettered', deadLettered],
  ['rows a second', Math.round(stored / seconds)],
] as const) {
  console.log(`  ${label.padEnd(16)}${figure.toLocaleString('en').padStart(12)}`)
}
for (const reason of deadLetters.slice(0, 3)) console.log(`    ${reason}`)
if (deadLetters.length > 3) console.log('    …')
console.log(`written to ${output}`)

function inputs(): string[] {
  if (positionals.length > 0) return positionals
  const folder = fileURLToPath(new URL('../../../../../shared/data/telemetry/', import.meta.url))
  if (values.generated || !existsSync(folder)) {
    return generateSensorFiles(join(directory, 'input'), 20260101, 20_000)
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => join(folder, name))
}
