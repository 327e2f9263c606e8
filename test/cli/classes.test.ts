import { describe, expect, it } from 'vitest'
import { report, Workspace } from './verbs.js'

/** Even numbers count, the others may go. */
const classed = `pipeline('numbers')
  .accepts()
  .deliver(({ id }) => (id % 2 === 0 ? 'exactly-once' : 'at-most-once'), {
    'exactly-once': { id: ({ id }) => id, window: '1h' },
    'at-most-once': {},
  })
  .to(file('out.ndjson'))`
const words = ['run', 'm.mjs', '--source', 'in.ndjson', '--dir', 'data']

function workspace(count: number): Workspace {
  const made = new Workspace()
  made.module('m.mjs', classed)
  made.numbers('in.ndjson', count)
  return made
}

describe('a pipeline whose messages choose their delivery', () => {
  it('is summed up with a column for each class', async () => {
    const under = workspace(1001)
    const { code, stdout, stderr } = await under.semel(...words)
    expect(code).toBe(0)
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^semel: numbers: exactly-once \(disk, stored\)/),
      expect.stringMatching(/^semel: numbers: at-most-once \(memory, stored\)/),
      '',
    ])
    expect(stdout.split('\n').slice(0, 5)).toEqual([
      'numbers: exactly-once, disk, at-most-once, memory, 2 shards, 2 workers, data',
      '',
      '                 total  exactly-once  at-most-once',
      '  stored         1,001           501           500',
      '  processed      1,001           501           500',
    ])
    expect(under.lines('out-0.ndjson')).toHaveLength(501)
    expect(under.lines('out-1.ndjson')).toHaveLength(500)
  })

  it('goes on where it was, in each class', async () => {
    const under = workspace(100)
    await under.semel(...words)
    under.numbers('in.ndjson', 130)
    const { stdout } = await under.semel(...words, '--json')
    expect(report(stdout)).toMatchObject({
      stored: 30,
      classes: [
        { delivery: 'exactly-once', durability: 'disk', stored: 15, processed: 15 },
        { delivery: 'at-most-once', durability: 'memory', stored: 15, processed: 15 },
      ],
    })
  })

  it('is explained, inspected and verified class by class', async () => {
    const under = workspace(100)
    const explained = await under.semel('run', 'm.mjs', '--explain')
    expect(explained.stdout.match(/^numbers: (?:exactly|at-most)-once/gm)).toEqual([
      'numbers: exactly-once',
      'numbers: at-most-once',
    ])
    await under.semel(...words)
    const inspected = await under.semel('inspect', 'data', '--json')
    const lines = inspected.stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { delivery: 'exactly-once', dir: 'data/exactly-once', total: { processed: 50 } },
      { delivery: 'at-most-once', dir: 'data/at-most-once' },
    ])
    const { code, stdout } = await under.semel('verify', 'data')
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'numbers, data/exactly-once: no damage\nnumbers, data/at-most-once: no damage\n',
    })
  })
})
