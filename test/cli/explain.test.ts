import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { guaranteeText, type Guarantee } from 'semel'
import { describe, expect, it } from 'vitest'
import { doubling, Workspace } from './verbs.js'

describe('semel run --explain', () => {
  it('says what would be guaranteed, and runs nothing: no source, no directory', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    const { code, stdout, stderr } = await workspace.line('run m.mjs --explain')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines.slice(0, 8)).toEqual([
      'numbers: exactly-once (disk, stored), copies known for 1 h; weakest hop: reader, who may see outputs',
      '  that a crash takes back while the stream is open',
      '',
      'a source   replayable (exactly-once): Each message is stored with its offset, and a reading goes on',
      '           behind what every shard has.',
      '           acknowledged (exactly-once): A message is acknowledged once it is stored; one that is',
      '           given again is known by its id for 1 h.',
      '           live (at-most-once): What was taken and not stored is lost with the process. What whoever',
    ])
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
    expect(existsSync(join(workspace.folder, '.semel'))).toBe(false)
    expect(existsSync(join(workspace.folder, 'out.ndjson'))).toBe(false)
  })

  it('tells of the source that is named, which need not be there yet', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    const { code, stdout, stderr } = await workspace.line('run m.mjs --explain --source in.ndjson')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').slice(3, 5)).toEqual([
      'source     exactly-once',
      '           file(in.ndjson) (replayable): Each message is stored with its offset, and a reading goes',
    ])
    const input = await workspace.line('run m.mjs --explain --source -')
    expect(input.stdout).toContain('not through kill -9, power loss')
    expect(input.stdout).toContain(
      '(live): What was taken and not stored is lost with the process.',
    )
  })

  it('gives the same as one JSON object, also where the module writes', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling, `console.log('loaded')`)
    const { code, stdout, stderr } = await workspace.line(
      'run m.mjs --explain --json --durability process --workers 0 --shards 3',
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'loaded\n' })
    const report = JSON.parse(stdout) as Guarantee
    expect(stdout).toBe(`${JSON.stringify(report)}\n`)
    expect(report).toMatchObject({
      pipeline: 'numbers',
      delivery: 'exactly-once',
      durability: 'process',
      shards: 3,
      workers: 0,
      sinks: [{ name: 'file(out.ndjson)', kind: 'rewindable', declared: false, takes: 'outputs' }],
      weakest: 'stored',
      notThrough: ['power-loss'],
    })
    const text = await workspace.line(
      'run m.mjs --explain --durability process --workers 0 --shards 3',
    )
    expect(text.stdout).toBe(`loaded\n${guaranteeText(report)}`)
  })

  it('refuses what a run would refuse', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', doubling)
    expect(await workspace.line('run m.mjs --explain --durability memory')).toEqual({
      code: 1,
      stdout: '',
      stderr: `semel: SEMEL_INVALID_ARGUMENT: durability: "memory" can't carry exactly-once; choose 'process', 'disk' or { interval: milliseconds }, or at-most-once\n`,
    })
    expect(await workspace.line('run none.mjs --explain')).toMatchObject({ code: 1, stdout: '' })
  })
})
