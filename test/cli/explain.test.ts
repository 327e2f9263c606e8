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
      'sender     exactly-once, within the window',
      '           send resolves with a receipt when the message is on disk, written and synced;',
      '           receipt.outcome, when its outcome is committed. push gives none.',
      '           Without an answer the message may be stored or not: send it again with the same id and',
      '           key until there is one; copies are dropped. A source that can be resumed is read on',
    ])
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
    expect(existsSync(join(workspace.folder, '.semel'))).toBe(false)
    expect(existsSync(join(workspace.folder, 'out.ndjson'))).toBe(false)
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
      sink: { name: 'file(out.ndjson)', kind: 'rewindable', declared: false },
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
