import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { warnOf } from '../../src/cli/run/warnings.js'
import type { Stream } from '../../src/index.js'

describe('what a stream says while it runs', () => {
  const stream = new EventEmitter()
  const said: string[] = []
  const deadLetters = warnOf(stream as Stream<unknown>, (line) => said.push(line))
  const lines = (): string[] => said.splice(0)

  it('is one line each, with a code', () => {
    stream.emit('worker-replaced', { worker: 1, error: 'exit\ncode 1', deaths: 1 })
    stream.emit('stalled', { shard: 0, reason: 'parked' })
    stream.emit('stalled', { shard: 2, reason: 'ids' })
    expect(lines()).toEqual([
      'semel: SEMEL_WORKER_REPLACED: worker 1 died and has been replaced: exit code 1',
      'semel: SEMEL_STALLED: shard 0 takes no messages: as many messages are parked as may be (parkedMax); it goes on when some have ended',
      'semel: SEMEL_STALLED: shard 2 takes no messages: as many ids are known as may be (maxIds); it goes on when the oldest leave the window',
    ])
  })

  it('does not repeat itself for as long as a sink is down', () => {
    for (let attempt = 1; attempt <= 1000; attempt++) {
      stream.emit('sink-failed', { shard: 3, error: 'disk full', attempt, retryInMs: 400 })
    }
    const told = lines()
    expect(told).toHaveLength(10)
    expect(told[1]).toBe('semel: SEMEL_SINK_FAILED: shard 3: disk full; attempt 3 in 400 ms')
  })

  it('does not repeat itself for as long as a service is unavailable', () => {
    for (let attempt = 1; attempt <= 100; attempt++) {
      stream.emit('unavailable', {
        shard: 1,
        error: 'the bank is\nclosed',
        attempt,
        retryInMs: 400,
      })
    }
    const told = lines()
    expect(told).toHaveLength(7)
    expect(told[0]).toBe(
      'semel: SEMEL_UNAVAILABLE: shard 1: the bank is closed; it goes on in 400 ms',
    )
  })

  it('keeps the first few dead letters for the summary', () => {
    for (let sequence = 1; sequence <= 10; sequence++) {
      stream.emit('dead-letter', { shard: 0, sequence, error: 'not\n  a number' })
    }
    expect(lines()).toEqual([])
    expect(deadLetters).toEqual([
      'shard 0, sequence 1: not a number',
      'shard 0, sequence 2: not a number',
      'shard 0, sequence 3: not a number',
    ])
  })
})
