import { describe, expect, it } from 'vitest'
import type { DirectoryReport } from '../../src/directory.js'
import { inspectionJson, inspectionText } from '../../src/cli/inspect/inspection.js'
import { doubling, Workspace, zero } from './verbs.js'

const shard = {
  stored: 1000,
  processed: 900,
  filtered: 10,
  duplicate: 20,
  late: 0,
  deadLettered: 3,
  dropped: 0,
  parked: 7,
  through: 940,
  epoch: 4,
  ids: 912,
  bytes: 50_331_648,
  clean: true,
  deadLettersOpen: 2,
  sinkPlace: 4096,
  sinkCommit: undefined,
  undecided: 0,
}
const directory: DirectoryReport = {
  name: 'trades',
  delivery: 'exactly-once',
  accepts: { kind: 'object' },
  holder: 0,
  shards: [shard, { ...shard, stored: 940, clean: false }],
}

describe('semel inspect', () => {
  it('shows each shard and the total', () => {
    expect(inspectionText('data', directory, undefined)).toBe(
      `trades: exactly-once, 2 shards, data
not closed in order: opening it again recovers it

  shard                 total         0         1
  stored                1,940     1,000       940
  processed             1,800       900       900
  filtered                 20        10        10
  duplicate                40        20        20
  late                      0         0         0
  dead-lettered             6         3         3
  dropped                   0         0         0
  parked                   14         7         7
  in flight                60        60         0
  through                           940       940
  epoch                               4         4
  ids                   1,824       912       912
  bytes              96.0 MiB  48.0 MiB  48.0 MiB
  closed in order          no       yes        no
  dead letters open         4         2         2
`,
    )
  })

  it('says which blocks wait for what a transactional sink says', () => {
    const waiting = { ...shard, clean: false, sinkCommit: { epoch: 3, n: 7 }, undecided: 1 }
    const text = inspectionText('data', { ...directory, shards: [waiting] }, 80)
    expect(text).toContain('\n1 block not counted: the next opening asks the sink about them\n\n')
    const json = JSON.parse(inspectionJson('data', { ...directory, shards: [waiting] }))
    expect(json.shards[0]).toMatchObject({ sinkCommit: { epoch: 3, n: 7 }, undecided: 1 })
  })

  it('shows one shard without a total, and who holds it', () => {
    const text = inspectionText('data', { ...directory, holder: 77, shards: [shard] }, 80)
    expect(text).toMatch(
      /^trades: exactly-once, 1 shard, data\nheld by process 77\n\n {2}shard +0\n/,
    )
    expect(text).toMatch(/\n {2}through +940\n/)
  })

  it('breaks many shards into blocks that fit the terminal', () => {
    const many = { ...directory, shards: Array.from({ length: 64 }, () => shard) }
    const lines = inspectionText('data', many, 80).split('\n')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    const titles = lines.filter((line) => line.startsWith('  shard '))
    expect(titles.join(' ').match(/\d+/g)).toEqual(Array.from({ length: 64 }, (_, i) => `${i}`))
    const narrow = inspectionText('data', many, 10)
    expect(narrow.split('\n').filter((line) => line.startsWith('  shard '))).toHaveLength(65)
  })

  it('gives the same as one object', () => {
    expect(JSON.parse(inspectionJson('data', directory))).toEqual({
      name: 'trades',
      dir: 'data',
      delivery: 'exactly-once',
      accepts: { kind: 'object' },
      holder: 0,
      shards: [
        { ...shard, inFlight: 60 },
        { ...shard, stored: 940, clean: false, inFlight: 0 },
      ],
      total: {
        stored: 1940,
        processed: 1800,
        filtered: 20,
        duplicate: 40,
        late: 0,
        deadLettered: 6,
        dropped: 0,
        parked: 14,
        inFlight: 60,
        ids: 1824,
        bytes: 100_663_296,
        deadLettersOpen: 4,
        clean: false,
      },
    })
  })

  it('reads what a run has left', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('in.ndjson', 100, '{"id":0}\n')
    await workspace.semel('run', 'm.mjs', '--source', 'in.ndjson', '--shards', '3', '--dir', 'data')
    const { code, stdout, stderr } = await workspace.semel('inspect', 'data', '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const found = JSON.parse(stdout) as { shards: (typeof shard)[]; total: object }
    expect(found).toMatchObject({
      name: 'numbers',
      dir: 'data',
      delivery: 'exactly-once',
      holder: 0,
    })
    expect(found.total).toMatchObject({
      ...zero,
      stored: 101,
      processed: 98,
      filtered: 1,
      duplicate: 1,
      deadLettered: 1,
      deadLettersOpen: 1,
      clean: true,
    })
    expect(found.shards).toHaveLength(3)
    for (const each of found.shards) {
      expect(each).toMatchObject({ epoch: 1, through: each.stored, clean: true })
      expect(each.bytes).toBeGreaterThan(0)
    }
    const table = await workspace.semel('inspect', 'data')
    expect(table.stdout).toMatch(/^numbers: exactly-once, 3 shards, data\nclosed in order\n/)
  })

  it('names the process that holds the directory, which nobody else may open', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('held').accepts().deliver('at-least-once')
        .tap(() => console.error('open')).to(file('out.ndjson'))`,
      `export const source = () => semel.iterableSource(async function* () {
        yield {}
        await new Promise((resolve) => setTimeout(resolve, 60_000))
      })`,
    )
    const running = workspace.start(['run', 'm.mjs'])
    await running.says('open')
    const { pid } = running.child
    const found = await workspace.semel('inspect', '.semel/held', '--json')
    expect(JSON.parse(found.stdout)).toMatchObject({ holder: pid })
    const second = await workspace.semel('run', 'm.mjs')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(new RegExp(`^semel: SEMEL_LOCKED: .*\\b${pid}\\b.*\\n$`))
    running.child.kill('SIGKILL')
    await running.ended
  })

  it('says of a directory without a stream that it is none', async () => {
    const { code, stdout, stderr } = await new Workspace().semel('inspect', '.')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^semel: SEMEL_FORMAT: .*\n$/)
  })
})
