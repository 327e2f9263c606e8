import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Reasons } from '../../src/cli/run/reasons.js'
import { besidesGuarantee, report, Workspace } from './verbs.js'

// Many commands, each a process, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 200)

/** Its ids are in a column that the rows do not have. */
const wrongColumn = `pipeline('orders').accepts()
  .deliver('exactly-once', { id: (row) => row.order_id, window: '1h' }).to(file('out.ndjson'))`

describe('a run whose rows were all refused', () => {
  it('tells how many and why, and succeeds unless it is told otherwise', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', wrongColumn)
    workspace.numbers('in.ndjson', 30)
    const ended = await workspace.line('run m.mjs --source in.ndjson --json')
    expect(ended.code).toBe(0)
    const { deadLetterReasons, ...counters } = report(ended.stdout)
    expect(counters).toMatchObject({ stored: 30, deadLettered: 30 })
    expect(deadLetterReasons).toMatchObject([{ count: 30, shard: 0, sequence: 1 }])
    expect(besidesGuarantee(ended.stderr)).toMatch(
      /^semel: SEMEL_ALL_REFUSED: every message of this run was dead-lettered \(30\): .*undefined is no id.*\n$/,
    )
  })

  it('fails where it makes more dead letters than it may, and keeps them', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', wrongColumn)
    workspace.numbers('in.ndjson', 30)
    const words = 'run m.mjs --source in.ndjson --dir data'
    const ended = await workspace.line(`${words} --max-dead-letters 29`)
    expect(ended.code).toBe(1)
    expect(ended.stdout).toMatch(
      /\n {2}30 × .*undefined is no id.* \(first: shard 0, sequence 1\)\n/,
    )
    expect(ended.stderr).toMatch(
      /\nsemel: SEMEL_DEAD_LETTERS: this run made 30 dead letters, and --max-dead-letters allows 29; semel dead-letters list data shows them\n$/,
    )
    const again = await workspace.line(`${words} --max-dead-letters 0`)
    expect(again.code).toBe(0)
    const { stdout } = await workspace.line('dead-letters list data --json')
    expect((JSON.parse(stdout) as { letters: unknown[] }).letters).toHaveLength(30)
  })

  it('is told of one that drops them all, which keeps no letters', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('orders').accepts().deliver('at-most-once').map((row) => row.a.b).to(file('out.ndjson'))`,
    )
    workspace.numbers('in.ndjson', 3)
    const { stderr } = await workspace.line('run m.mjs --source in.ndjson')
    expect(besidesGuarantee(stderr)).toBe(
      'semel: SEMEL_ALL_REFUSED: every message of this run was dropped (3)\n',
    )
  })
})

describe('reasons', () => {
  it('that differ in numbers and in what they quote are one, told as the first was', () => {
    const cause = fc.constantFrom('price', 'amount', 'date', 'id')
    fc.assert(
      fc.property(fc.array(fc.tuple(cause, fc.nat(), fc.string()), { minLength: 1 }), (errors) => {
        const reasons = new Reasons()
        const counts = new Map<string, number>()
        for (const [i, [of, line, text]] of errors.entries()) {
          reasons.add(i % 3, i + 1, `line ${line}: ${of}: ${JSON.stringify(text)} is none`)
          counts.set(of, (counts.get(of) ?? 0) + 1)
        }
        const list = reasons.list()
        expect(reasons.count).toBe(errors.length)
        expect(list.map(({ count }) => count)).toEqual(
          [...counts.values()].toSorted((a, b) => b - a),
        )
        for (const { reason, sequence, shard, count } of list) {
          const [of, line] = errors[sequence - 1] as (typeof errors)[0]
          expect(reason).toContain(`line ${line}: ${of}: `)
          expect(shard).toBe((sequence - 1) % 3)
          expect(count).toBe(counts.get(of))
        }
      }),
      { numRuns },
    )
  })

  it('are bounded, whatever is thrown', () => {
    const reasons = new Reasons()
    for (let i = 0; i < 1000; i++) reasons.add(0, i + 1, `reason ${'a'.repeat(i)}`)
    expect(reasons.count).toBe(1000)
    expect(reasons.list()).toHaveLength(100)
  })
})
