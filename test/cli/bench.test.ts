import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { figuresOf } from 'semel/advise'
import { describe, expect, it } from 'vitest'
import { readBenchOptions } from '../../src/cli/bench/bench-options.js'
import type { Report } from '../../src/measure/result.js'
import { Workspace } from './verbs.js'

const quick = '--seconds 0.02 --runs 1'

const doublings = `pipeline('doublings').accepts()
  .deliver('exactly-once', { id: (message) => message.id, window: '1h' })
  .map((message) => ({ doubled: message.id * 2 }))
  .to(file('out.ndjson'))`

describe('semel bench', () => {
  it('measures a pipeline with its own messages, and leaves its sink alone', async () => {
    const workspace = new Workspace()
    const module = workspace.module('doublings.js', doublings)
    const source = workspace.numbers('in.ndjson', 20)
    const { code, stdout, stderr } = await workspace.semel(
      ...`bench ${module} --source ${source} ${quick} --rate 500 --json out.json --html out.html --svg charts --only`.split(
        ' ',
      ),
      'process stored',
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^doublings: 20 messages, round and round, into a sink that counts in place of file\(out.ndjson\)\n/,
    )
    expect(existsSync(join(workspace.folder, 'out.ndjson'))).toBe(false)
    expect(workspace.read('out.html')).toContain('What each guarantee costs: doublings')
    expect(existsSync(join(workspace.folder, 'charts', 'throughput.svg'))).toBe(true)

    const report = JSON.parse(workspace.read('out.json')) as Report
    expect(Object.keys(report)).toEqual(['machine', 'date', 'versions', 'results'])
    expect(report.results.map(({ case: name, missing }) => [name, missing])).toEqual(
      ['', ' at 500/s'].flatMap((rate) =>
        ['at-least-once process stored', 'exactly-once process stored'].map((name) => [
          `object ${name}${rate}`,
          undefined,
        ]),
      ),
    )
    const spread = { median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) }
    expect(report.results[1]).toEqual({
      case: 'object exactly-once process stored',
      delivery: 'exactly-once',
      acknowledge: 'stored',
      durability: 'process',
      message: 'object',
      contender: 'semel',
      settings: expect.any(String),
      runs: 1,
      messagesPerSecond: spread,
      stages: expect.objectContaining({ wall: expect.any(Number) }),
    })
    const latencies = Object.fromEntries(
      ['p50', 'p90', 'p99', 'p999', 'max'].map((name) => [name, expect.any(Number)]),
    )
    const { results: figures } = figuresOf(workspace.read('out.json'), 'out.json')
    expect(figures.map(({ acknowledge }) => acknowledge)).toEqual(['stored', 'stored'])
    expect(report.results[3]).toMatchObject({
      rate: 500,
      latencyUs: latencies,
      acknowledgedUs: latencies,
      lateUs: latencies,
      stallsUs: latencies,
    })
  })

  it('says which delivery a pipeline can not be given, and measures the others', async () => {
    const workspace = new Workspace()
    const module = workspace.module(
      'plain.js',
      `pipeline('plain').accepts().deliver('at-least-once').to(forEach(() => {}))`,
      'export const source = () => semel.memorySource([{ a: 1 }, { a: 2 }])\n',
    )
    const { code, stdout, stderr } = await workspace.line(
      `bench ${module} ${quick} --rate 0 --only batched`,
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('object at-least-once disk batched')
    expect(stdout).toMatch(/not measured: exactly-once: .*add deliver\('exactly-once'/)
  })

  it('writes to the own sink where it is told to, in a scratch directory', async () => {
    const workspace = new Workspace()
    const module = workspace.module('doublings.js', doublings)
    const source = workspace.numbers('in.ndjson', 20)
    const { code, stdout } = await workspace.line(
      `bench ${module} --source ${source} --with-sink ${quick} --rate 0 --only disk`,
    )
    expect(code).toBe(0)
    expect(stdout).toContain('into the sink file(out.ndjson)\n')
    expect(existsSync(join(workspace.folder, 'out.ndjson'))).toBe(false)
  })

  it('measures raw frames, each with its status where batches are told', async () => {
    const workspace = new Workspace()
    const module = workspace.module(
      'frames.js',
      `pipeline('raw').accepts(semel.frames({ size: 16 })).deliver('at-most-once').to(forEach(() => {}))`,
      `export const source = () => semel.memorySource([new Uint8Array(16), new Uint8Array(16)])\n`,
    )
    const { code, stdout } = await workspace.semel(
      ...`bench ${module} ${quick} --rate 0 --only`.split(' '),
      'memory batched',
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/raw16 at-most-once memory batched +\d/)
  })

  it('stops when it is told to, and leaves nothing running', async () => {
    const { child, ended } = new Workspace().start(['bench'])
    setTimeout(() => child.kill('SIGINT'), 1500)
    expect((await ended).code).toBe(130)
  })

  it.each([
    ['bench --source x', '--source is for a pipeline of yours'],
    ['bench --seconds 0', '--seconds: "0" is out of bounds'],
    ['bench --rate 10,x', '--rate: "10,x" is out of bounds'],
    ['bench --runs 0', '--runs: "0" is out of bounds'],
  ])('refuses %s', async (line, says) => {
    const { code, stderr } = await new Workspace().line(line)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it('says where no case has the name', async () => {
    const { code, stderr } = await new Workspace().line('bench --only nothing')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^semel: SEMEL_BENCH: --only: no case has "nothing" in its name/)
  })

  it('measures for some minutes where nothing is said', () => {
    expect(readBenchOptions([])).toEqual({
      module: undefined,
      sources: [],
      seconds: 1,
      runs: 3,
      rates: [10_000],
      only: '',
      shards: 1,
      workers: 1,
      waiting: 'balanced',
      withSink: false,
      json: undefined,
      html: undefined,
      svg: undefined,
    })
    expect(readBenchOptions(['--rate', '1000,20000'])).toMatchObject({ rates: [1000, 20_000] })
    expect(readBenchOptions(['--rate', '0'])).toMatchObject({ rates: [] })
    expect(readBenchOptions(['--help'])).toBe('help')
  })
})
