import { expect, test } from 'vitest'
import {
  ClosedError,
  CommitRefused,
  RejectedOutputs,
  type CommitId,
  type Held,
  type Sink,
  type SinkContext,
  type TransactionalConnection,
} from 'semel'
import { describeTransactionalSink, type Runner } from 'semel/testing'

/** What the suite is to find: each is a sink that does all else right. */
const planted = [
  'parent not compared',
  'epoch not compared',
  'epoch not raised',
  'epoch counted by the connection',
  'epoch raised by last',
  'raised for another lineage',
  'lineage not compared',
  'older epochs taken',
  'outputs of a refused commit stay',
  'outputs in front of a rejected one stay',
  'id kept without its outputs',
  'id of a rejected commit kept',
  'rejections named by one',
  'empty commits not kept',
  'through not kept',
  'positions not kept',
  'positions of the first commit stay',
  'positions cut short',
  'shards not kept apart',
  'pipelines not kept apart',
  'the id forgotten with the connection',
  'a write forgets the commit',
  'goes on after a close',
  'refused as any error',
] as const
type Planted = (typeof planted)[number] | undefined

interface Row {
  epoch: number
  held: Held | undefined
}

const same = (a: CommitId | undefined, b: CommitId | undefined): boolean =>
  a?.lineage === b?.lineage && a?.epoch === b?.epoch && a?.n === b?.n

function heldWith(bug: Planted, before: Held | undefined, held: Held): Held {
  if (bug === 'through not kept') return { ...held, through: before?.through ?? 0 }
  if (bug === 'positions not kept') return { ...held, positions: new Uint8Array() }
  if (bug === 'positions of the first commit stay' && before !== undefined) {
    return { ...held, positions: before.positions }
  }
  if (bug === 'positions cut short') return { ...held, positions: held.positions.slice(0, 65_535) }
  return held
}

function sinkWith(bug: Planted): { sink: Sink<never, 'transactional'>; outputs: unknown[] } {
  const outputs: unknown[] = []
  const rows = new Map<string, Row>()
  const connect = ({ pipeline, shard }: SinkContext): TransactionalConnection<unknown> => {
    const key = JSON.stringify([
      bug === 'pipelines not kept apart' ? '' : pipeline,
      bug === 'shards not kept apart' ? 0 : shard,
    ])
    const row = rows.get(key) ?? { epoch: 0, held: undefined }
    rows.set(key, row)
    if (bug === 'epoch counted by the connection') row.epoch = 0
    let isClosed = false
    const check = (): void => {
      if (isClosed && bug !== 'goes on after a close') throw new ClosedError()
    }
    const refuse = (values: readonly unknown[]): void => {
      const bad = values.flatMap((value, at) => (value === 'refused' ? [at] : []))
      if (bad.length === 0) return
      const first = bad[0] as number
      if (bug === 'outputs in front of a rejected one stay') outputs.push(...values.slice(0, first))
      const named = bug === 'rejections named by one' ? [first] : bad
      throw new RejectedOutputs(new Map(named.map((at) => [at, new Error('poison')])))
    }
    return {
      async begin(lineage) {
        check()
        const isOther = row.held !== undefined && row.held.id.lineage !== lineage
        if (bug !== 'epoch not raised' && (!isOther || bug === 'raised for another lineage')) {
          row.epoch += 1
        }
        return { epoch: row.epoch, last: row.held?.id }
      },
      async commit(given, { id, parent, through, positions }) {
        check()
        const values = given.map(({ value }) => value)
        const isEpoch =
          bug === 'epoch not compared' ||
          (bug === 'older epochs taken' ? id.epoch <= row.epoch : id.epoch === row.epoch)
        const isLineage = bug === 'lineage not compared' && parent !== undefined
        const isParent =
          bug === 'parent not compared' ||
          same(
            isLineage ? { ...parent, lineage: row.held?.id.lineage ?? '' } : parent,
            row.held?.id,
          )
        if (!isEpoch || !isParent) {
          if (bug === 'outputs of a refused commit stay') outputs.push(...values)
          if (bug === 'refused as any error') throw new Error('it is refused')
          throw new CommitRefused('somebody has begun since')
        }
        const held = heldWith(bug, row.held, { id, through, positions })
        if (bug === 'id of a rejected commit kept') row.held = held
        refuse(values)
        if (bug !== 'id kept without its outputs' || values.length < 3) outputs.push(...values)
        if (values.length > 0 || bug !== 'empty commits not kept') row.held = held
      },
      async last() {
        check()
        if (bug === 'epoch raised by last') row.epoch += 1
        return row.held
      },
      write(values) {
        check()
        refuse(values)
        outputs.push(...values)
        if (bug === 'a write forgets the commit') row.held = undefined
      },
      close() {
        isClosed = true
        if (bug === 'the id forgotten with the connection') row.held = undefined
      },
    }
  }
  const sink = Object.freeze({ name: 'planted', kind: 'transactional' as const, connect })
  return { sink, outputs }
}

/** Runs the suite by itself: the names of the tests that fail. */
async function failuresOf(bug: Planted): Promise<string[]> {
  const tests: [name: string, run: () => unknown][] = []
  const hooks: { before: (() => unknown)[]; after: (() => unknown)[] } = { before: [], after: [] }
  const runner: Runner = {
    describe: (_, define) => define(),
    test: Object.assign((name: string, run: () => unknown) => tests.push([name, run]), {
      skip: () => {},
    }),
    beforeEach: (run) => hooks.before.push(run),
    afterEach: (run) => hooks.after.push(run),
    expect: expect as unknown as Runner['expect'],
  }
  describeTransactionalSink(runner, {
    name: 'planted',
    create() {
      const { sink, outputs } = sinkWith(bug)
      return { sink, read: () => outputs, refused: { output: 'refused' } }
    },
    rejects: true,
    pipelines: { skip: 'one at a time' },
  })
  const failed: string[] = []
  for (const [name, run] of tests) {
    for (const before of hooks.before) await before()
    try {
      await run()
    } catch {
      failed.push(name)
    }
    for (const after of hooks.after) await after()
  }
  expect(tests.length).toBeGreaterThan(30)
  return failed
}

test('the suite passes a sink that does what it is asked', async () => {
  expect(await failuresOf(undefined)).toEqual([])
})

test.each(planted)('the suite finds: %s', async (bug) => {
  expect(await failuresOf(bug)).not.toEqual([])
})
