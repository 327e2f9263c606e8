import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { generateSensorFiles } from '../../examples/telemetry/generate.js'
import { alertsOf, toReading, type Row } from '../../examples/telemetry/reading.js'
import { sensorFiles } from '../../examples/telemetry/sensor-files.js'

const directory = mkdtempSync(join(tmpdir(), 'semel-telemetry-'))
afterAll(() => rmSync(directory, { recursive: true }))

const row = (sensor: string, value: number, timestamp = '2014-02-14 14:30:00'): Row => ({
  sensor,
  timestamp,
  value,
})

function generated(name: string): string[] {
  return generateSensorFiles(join(directory, name), 5, 1000).map((path) =>
    readFileSync(path, 'utf8'),
  )
}

describe('a reading', () => {
  test('is in the unit of its kind, with its time in UTC', () => {
    expect(toReading(row('TravelTime_387', 90))).toMatchObject({
      sensor: 'TravelTime_387',
      kind: { name: 'travel time', unit: 'min' },
      time: new Date(Date.UTC(2014, 1, 14, 14, 30)),
      value: 1.5,
    })
    expect(toReading(row('ec2_disk_write_bytes_1ef3de', 2_500_000)).value).toBe(2.5)
  })

  test.each([
    ['comes from a sensor that nobody knows', row('toaster', 1), /nobody knows/],
    ['has no time', row('speed_1', 1, 'yesterday'), /yesterday is not a time/],
    ['is negative', row('speed_1', -1), /-1 at 2014-02-14 14:30:00 is out of range/],
    ['is over what there can be', row('occupancy_1', 100.5), /100.5 at .* is out of range/],
  ])('is refused where it %s', (_, given, reason) => {
    expect(() => toReading(given)).toThrow(reason)
  })
})

describe('an alert', () => {
  test('comes from a value beyond the limit of its kind, and not from one at it', () => {
    expect(alertsOf(toReading(row('rds_cpu_utilization_1', 95)))).toEqual([])
    expect(alertsOf(toReading(row('rds_cpu_utilization_1', 95.1)))).toEqual([
      {
        sensor: 'rds_cpu_utilization_1',
        kind: 'cpu',
        time: '2014-02-14T14:30:00.000Z',
        value: 95.1,
        unit: '%',
        limit: 95,
      },
    ])
    expect(alertsOf(toReading(row('speed_7578', 10)))).toMatchObject([
      { kind: 'speed', value: 16.09344, limit: 30 },
    ])
  })
})

describe('sensor files', () => {
  test('give rows, and reasons of malformed ones, with the name of their sensor', async () => {
    const path = join(directory, 'speed_1.csv')
    writeFileSync(path, 'timestamp,value\n2015-08-31 18:22:00,90\n2015-08-31 18:27:00,n/a\n')
    const rows = []
    const signal = new AbortController().signal
    for await (const batch of sensorFiles([path]).read({ offsets: new Map(), signal })) {
      expect(batch.partition).toBe(path)
      rows.push(...batch.rows)
    }
    expect(rows).toMatchObject([
      { message: { sensor: 'speed_1', timestamp: '2015-08-31 18:22:00', value: 90 } },
      { malformed: { line: 3, reason: 'speed_1: column value: "n/a" is not a number' } },
    ])
  })

  test('are generated alike from the same seed', () => {
    expect(generated('once')).toEqual(generated('again'))
  })
})
