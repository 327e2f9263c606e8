import { expect, test } from 'vitest'
import { figuresOf } from 'semel/advise'

const measured = (contender: string | undefined, median: number) => ({
  case: 'object exactly-once process',
  ...(contender === undefined ? {} : { contender }),
  delivery: 'exactly-once',
  durability: 'process',
  acknowledge: 'batched',
  message: 'object',
  messagesPerSecond: { median, min: median, max: median },
})

test('advice rests on our own figures, not on those of what we are compared with', () => {
  const report = {
    machine: { cpu: 'some', cores: 2 },
    date: '2026-11-21T00:00:00.000Z',
    results: [measured('Kafka', 1), measured('semel', 2), measured(undefined, 3)],
  }
  const { results } = figuresOf(JSON.stringify(report), 'contenders.json')
  expect(results.map(({ medianPerSecond }) => medianPerSecond)).toEqual([2, 3])
})
