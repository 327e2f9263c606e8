import { describe, expect, test } from 'vitest'
import { FaultySetting, keptDeliveries } from './faults.js'
import { startFixture } from './verbs.js'

const count = 100

const settings = keptDeliveries.flatMap((delivery) =>
  [
    { shards: 1, workers: 1 },
    { shards: 4, workers: 2 },
  ].map((size) => ({ delivery, ...size })),
)

describe.each(settings)('$delivery, $shards shards, $workers workers', (setting) => {
  test('a handler that aborts ends the process; all that was acknowledged is there afterwards', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '60', by: 'abort' })
    const options = JSON.stringify(faulty.options)
    const program = startFixture('aborter', faulty.url().href, String(count), options)
    const { signal, stdout } = await program.ended
    expect(signal).toBe('SIGABRT')
    const acknowledged = stdout.split('\n').slice(0, -1).map(Number)
    // What is known of suspects is lost with the process: the next one meets the same end.
    const second = startFixture('aborter', faulty.url().href, '0', options)
    expect((await second.ended).signal).toBe('SIGABRT')
    expect(faulty.runs(60)).toBe(2)

    const stream = await faulty.open({ poison: '' })
    await stream.drain({ timeout: 15_000 })
    const { stored, processed } = stream.counters()
    expect(processed).toBe(stored)
    const ids = faulty.written().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toHaveLength(stored)
    expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([])
    expect(ids).toContain(60)
  })
})
