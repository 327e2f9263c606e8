import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from 'semel'
import { generateSensorFiles } from '../../examples/telemetry/generate.js'
import type { Alert, Row } from '../../examples/telemetry/reading.js'
import { sensorFiles } from '../../examples/telemetry/sensor-files.js'
import { definition, difference, lines, outputs, recorded, run, ways, type Run } from './run.js'

const directory = mkdtempSync(join(tmpdir(), 'semel-telemetry-run-'))
afterAll(() => rmSync(directory, { recursive: true }))

const generated = generateSensorFiles(join(directory, 'input'), 20260101, 20_000)
const inputs = [
  { input: 'recorded', files: recorded('telemetry') },
  { input: 'generated', files: generated },
].filter(({ files }) => files.length > 0)

/** Part of a sensor's name, what its values are divided by, and what is an alert then. */
const limits: [part: string, divisor: number, beyond: (value: number) => boolean, max?: number][] =
  [
    ['cpu_utilization', 1, (percent) => percent > 95, 100],
    ['disk_write', 1e6, (megabytes) => megabytes > 400],
    ['network_in', 1e6, (megabytes) => megabytes > 50],
    ['NetworkIn', 1e6, (megabytes) => megabytes > 50],
    ['request_count', 1, (requests) => requests > 400],
    ['_asg_', 1, (instances) => instances < 10],
    ['_cpc_', 1, (dollars) => dollars > 1],
    ['_cpm_', 1, (dollars) => dollars > 5],
    ['TravelTime', 60, (minutes) => minutes > 60],
    ['occupancy', 1, (percent) => percent > 25, 100],
    ['speed', 1 / 1.609344, (kmh) => kmh < 30],
  ]

/** The straight computation over one file. */
function compute(path: string) {
  const sensor = basename(path, '.csv')
  const [, divisor, beyond, max = Infinity] = limits.find(([part]) => sensor.includes(part)) as [
    string,
    number,
    (value: number) => boolean,
    number?,
  ]
  const alerts: string[] = []
  let rows = 0
  let wrong = 0
  for (const line of lines(path).slice(1)) {
    rows++
    const fields = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d),([\d.]+)$/.exec(line)
    const value = Number(fields?.[3]) / divisor
    if (fields === null || value > max) wrong++
    else if (beyond(value)) alerts.push(`${fields[1]}T${fields[2]}.000Z ${value.toFixed(6)}`)
  }
  return { sensor, alerts, rows, wrong }
}

describe.each(inputs)('$input readings', ({ input, files }) => {
  const expected = files.map(compute)
  const sum = (figure: (of: ReturnType<typeof compute>) => number): number =>
    expected.reduce((total, one) => total + figure(one), 0)
  const stored = sum(({ rows }) => rows)
  const processed = sum(({ alerts }) => alerts.length)
  const deadLettered = sum(({ wrong }) => wrong)

  test('hold alerts, and malformed rows where they were generated', () => {
    expect(processed).toBeGreaterThan(100)
    expect(deadLettered).toBe(input === 'generated' ? 160 : 0)
  })

  test.each(ways)(
    'give the alerts of a straight computation with $way',
    async ({ shards, workers }) => {
      const how: Run = {
        example: 'telemetry',
        files,
        shards,
        workers,
        directory: join(directory, `${input}-${shards}-${workers}`),
      }
      expect(await run(how)).toMatchObject({
        stored,
        processed,
        deadLettered,
        duplicate: 0,
        parked: 0,
        inFlight: 0,
        filtered: stored - processed - deadLettered,
      })
      const alerts = outputs(how)
        .flat()
        .map((line) => JSON.parse(line) as Alert)
      for (const { sensor, alerts: wanted } of expected) {
        const found = alerts
          .filter((alert) => alert.sensor === sensor)
          .map(({ time, value }) => `${time} ${value.toFixed(6)}`)
        expect(difference(found, wanted)).toBeUndefined()
      }
    },
  )
})

test('a row that can not be read is a dead letter with its line and the reason', async () => {
  const files = generateSensorFiles(join(directory, 'malformed'), 1, 2_500)
  process.env['SEMEL_TELEMETRY_OUT'] = join(directory, 'malformed.ndjson')
  const stream = await open<Row>(pathToFileURL(definition('telemetry')), {
    dir: join(directory, 'malformed'),
  })
  const reasons: string[] = []
  stream.on('dead-letter', ({ error }) => reasons.push(error))
  await stream.consume(sensorFiles(files))
  await stream.drain()
  await stream.close()
  const expected = files.flatMap((path) => {
    const sensor = basename(path, '.csv')
    return [
      `line 501: ${sensor}: 1 field, but 2 columns`,
      `line 1001: ${sensor}: 3 fields, but 2 columns`,
      `${sensor}: yesterday is not a time`,
      `${sensor}: -1 at 2026-01-07 22:35:00 is out of range`,
      `line 2501: ${sensor}: column value: "n/a" is not a number`,
    ]
  })
  expect(reasons.toSorted()).toEqual(expected.toSorted())
})
