import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { random } from '../random.js'

const sensors = [
  { name: 'ec2_cpu_utilization_1', usual: 60, spread: 38 },
  { name: 'ec2_network_in_1', usual: 2e7, spread: 4e7 },
  { name: 'elb_request_count_1', usual: 200, spread: 250 },
  { name: 'speed_1', usual: 60, spread: 50 },
]

/** One row in 500 is none. Each is wrong in a way of its own. */
const malformed = [
  (time: string) => `${time},n/a`,
  (time: string) => `${time}`,
  (time: string) => `${time},1,2`,
  () => 'yesterday,12',
  (time: string) => `${time},-1`,
]

/** Writes a file for each sensor, five minutes a row; gives their paths. */
export function generateSensorFiles(directory: string, seed: number, rowsEach: number): string[] {
  const next = random(seed)
  mkdirSync(directory, { recursive: true })
  return sensors.map(({ name, usual, spread }) => {
    const rows = Array.from({ length: rowsEach }, (_, i) => {
      const time = new Date(Date.UTC(2026, 0, 1) + i * 300_000).toISOString()
      const timestamp = time.slice(0, 19).replace('T', ' ')
      if (i % 500 === 499) return malformed[((i + 1) / 500) % malformed.length]?.(timestamp)
      return `${timestamp},${Math.abs(usual + spread * (2 * next() - 1)).toFixed(3)}`
    })
    const path = join(directory, `${name}.csv`)
    writeFileSync(path, ['timestamp,value', ...rows, ''].join('\n'))
    return path
  })
}
