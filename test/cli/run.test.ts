import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { besidesGuarantee, doubling, passing, report, Workspace, zero } from './verbs.js'

const copyAndMalformed = '{"id":0}\n{"torn\n'

describe('semel run', () => {
  it('sums up the run in a table, with the reason of each dead letter', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('in.ndjson', 1000, copyAndMalformed)
    const { code, stdout, stderr } = await workspace.semel('run', 'm.mjs', '--source', 'in.ndjson')
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'semel: numbers: exactly-once (disk, stored), copies known for 1 h; weakest hop: reader, who may see outputs that a crash takes back while the stream is open\n',
    })
    const [time, ...letters] = stdout.split('\n').slice(12)
    expect(stdout.split('\n').slice(0, 12)).toEqual([
      'numbers: exactly-once, disk, 1 shard, 1 worker, .semel/numbers',
      '',
      '  stored         1,002',
      '  processed        998',
      '  filtered           1',
      '  duplicate          1',
      '  late               0',
      '  dead-lettered      2',
      '  dropped            0',
      '  parked             0',
      '  in flight          0',
      '',
    ])
    expect(time).toMatch(/^1,002 messages in [\d.]+ m?s: [\d,]+ messages\/s$/)
    expect(letters).toEqual([
      'dead letter: shard 0, sequence 4: three is no number',
      expect.stringMatching(/^dead letter: shard 0, sequence 1002: line 1002: .*JSON/),
      '',
    ])
    expect(workspace.lines('out.ndjson')).toHaveLength(998)
  })

  it('repeats nothing at most once, where a directory keeps the place in the source', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('in.ndjson', 100)
    const words = ['run', 'm.mjs', '--source', 'in.ndjson', '--delivery', 'at-most-once']
    await workspace.semel(...words, '--dir', 'data')
    const before = workspace.lines('out.ndjson').length
    const { stdout } = await workspace.semel(...words, '--dir', 'data', '--json')
    expect(report(stdout)).toMatchObject({ stored: 0, delivery: 'at-most-once' })
    expect(workspace.lines('out.ndjson')).toHaveLength(before)
  })

  it('goes on where the last run stopped, and counts what is its own', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('in.ndjson', 100)
    const words = ['run', 'm.mjs', '--source', 'in.ndjson', '--dir', 'data']
    await workspace.semel(...words)
    const again = await workspace.semel(...words)
    expect(again.code).toBe(0)
    expect(besidesGuarantee(again.stderr)).toBe('')
    expect(again.stdout).toContain(
      '\nnothing new: earlier runs have read the source to its end (data)\n',
    )
    workspace.numbers('in.ndjson', 150)
    const { stdout } = await workspace.semel(...words, '--json')
    expect(report(stdout)).toEqual({
      ...zero,
      stored: 50,
      processed: 50,
      delivery: 'exactly-once',
      durability: 'disk',
      shards: 1,
    })
    expect(workspace.lines('out.ndjson')).toHaveLength(148)
  })

  it.each([0, 2])('takes every option with %i workers', async (workers) => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('a.ndjson', 50)
    workspace.numbers('b.ndjson', 60)
    const { code, stdout, stderr } = await workspace.line(`
      run --json m.mjs --shards=2 --workers ${workers} --dir data --waiting park --close-timeout 5s
      --heartbeat 20s --worker-memory 256MiB --durability interval:50 --delivery at-least-once --source a.ndjson b.ndjson`)
    expect(code).toBe(0)
    expect(besidesGuarantee(stderr)).toBe('')
    expect(report(stdout)).toEqual({
      ...zero,
      deadLetterReasons: [{ count: 1, reason: 'three is no number', shard: 1, sequence: 2 }],
      stored: 110,
      processed: 58,
      filtered: 1,
      duplicate: 50,
      deadLettered: 1,
      delivery: 'at-least-once',
      durability: 'interval:50',
      shards: 2,
    })
  })

  it('replaces a worker that shows no sign of life for a heartbeat', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('looping').accepts().deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
        .retry({ attempts: 1 })
        .tap(({ id }) => { while (id === 1); }).to(file('out.ndjson'))`,
    )
    workspace.numbers('in.ndjson', 3)
    const { code, stdout } = await workspace.line(
      'run m.mjs --source in.ndjson --heartbeat 300ms --json',
    )
    expect(code).toBe(0)
    expect(report(stdout)).toMatchObject({ stored: 3, processed: 2, deadLettered: 1 })
  })

  it('keeps nothing under at-most-once, and drops what is malformed', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    workspace.numbers('in.ndjson', 100, copyAndMalformed)
    const { stdout } = await workspace.line(
      'run m.mjs --source in.ndjson --delivery at-most-once --json',
    )
    expect(report(stdout)).toEqual({
      ...zero,
      stored: 102,
      processed: 98,
      filtered: 1,
      duplicate: 1,
      dropped: 2,
      delivery: 'at-most-once',
      durability: 'memory',
      shards: 1,
    })
    expect(existsSync(join(workspace.folder, '.semel'))).toBe(false)
  })

  it.each([0, 1])('keeps standard output for its object, with %i workers', async (workers) => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('noisy').accepts().deliver('at-most-once')
        .tap((message) => console.log('at', message.id)).to(file('out.ndjson'))`,
      `console.log('loaded')`,
    )
    workspace.numbers('in.ndjson', 3)
    const { stdout, stderr } = await workspace.line(
      `run m.mjs --source in.ndjson --json --workers ${workers}`,
    )
    expect(report(stdout)).toMatchObject({ stored: 3, processed: 3 })
    expect(besidesGuarantee(stderr)).toBe(`${'loaded\n'.repeat(workers + 1)}at 0\nat 1\nat 2\n`)
  })

  it('fails on one line where the library does', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', passing)
    workspace.numbers('in.ndjson', 3)
    const missing = await workspace.line('run m.mjs --json --source none.csv')
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(besidesGuarantee(missing.stderr)).toMatch(
      /^semel: SEMEL_SOURCE: can't read none\.csv: .*check the path\n$/,
    )
    const failures: [string[], RegExp][] = [
      [
        ['--source', 'in.ndjson', '--shards', '500'],
        /^semel: SEMEL_INVALID_ARGUMENT: shards: 500 /,
      ],
      [['--source', 'in.ndjson', '--durability', 'memory'], /^semel: SEMEL_INVALID_ARGUMENT: dura/],
      [['--source', 'in.ndjson', '--delivery', 'exactly-once'], /SEMEL_INVALID_ARGUMENT: open: /],
      [['--source', 'in.ndjson', '--dir', 'in.ndjson'], /^semel: SEMEL_\w+: .*in\.ndjson.*\n$/],
    ]
    for (const [words, message] of failures) {
      const { code, stdout, stderr } = await workspace.semel('run', 'm.mjs', '--json', ...words)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(message)
      expect(stderr.split('\n')).toHaveLength(2)
    }
  })

  it('refuses a pipeline whose outputs it would not read, and explains it all the same', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('read').accepts().deliver('at-least-once').to(semel.outputs())`,
    )
    workspace.numbers('in.ndjson', 3)
    const refused = await workspace.line('run m.mjs --source in.ndjson')
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr:
        "semel: SEMEL_INVALID_ARGUMENT: m.mjs: the outputs of read go to the program that opens it, and semel run reads none; run that program, or end the pipeline with .to(file('out.ndjson'))\n",
    })
    expect(existsSync(join(workspace.folder, '.semel'))).toBe(false)
    expect(await workspace.line('run m.mjs --explain')).toMatchObject({ code: 0, stderr: '' })
    expect((await workspace.line('bench m.mjs --source in.ndjson --with-sink')).stderr).toContain(
      'semel bench --with-sink reads none',
    )
  })

  it('ends on one line what nobody caught', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      passing,
      `export const source = () => {
        setTimeout(() => { throw new TypeError('a stray one') })
        return semel.iterableSource(new ReadableStream())
      }`,
    )
    const { code, stdout, stderr } = await workspace.semel('run', 'm.mjs')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^semel: SEMEL_UNEXPECTED: a stray one; set SEMEL_DEBUG=1 to see where it comes from$/m,
    )
  })
})
