import { describe, expect, it } from 'vitest'
import { Workspace } from './verbs.js'

const scaled = `pipeline(import.meta, 'scaled', (p, config) => p
  .accepts().deliver('at-least-once')
  .map(({ id }) => id * config.scale)
  .to(file(config.out)))`

function workspace(config: string): Workspace {
  const made = new Workspace()
  made.module('p.mjs', scaled, `export const plain = ${scaled.replace('scaled', 'other')}`)
  made.numbers('in.ndjson', 3)
  made.write('config.json', config)
  return made
}

describe('semel run --config', () => {
  it.each(['0', '1'])('hands a file to the pipeline, with %s workers', async (workers) => {
    const at = workspace('\uFEFF{ "scale": 7, "out": "out.ndjson", "password": "hush" }')
    const ended = await at.semel(
      'run',
      'p.mjs',
      '--source',
      'in.ndjson',
      '--config',
      'config.json',
      '--workers',
      workers,
    )
    expect(ended.code).toBe(0)
    expect(at.lines('out.ndjson')).toEqual(['0', '7', '14'])
    expect(ended.stdout + ended.stderr).not.toContain('hush')
  })

  it('explains a pipeline by what it would be built of', async () => {
    const at = workspace('{ "scale": 7, "out": "elsewhere.ndjson" }')
    const ended = await at.semel('run', 'p.mjs', '--explain', '--config', 'config.json')
    expect(ended.stdout).toContain('elsewhere.ndjson')
  })

  it.each([
    ['hush', /config: config\.json holds no JSON; correct it/],
    ['{ "scale": 7, "out": "hush\u0000" }', /holds no JSON|path/],
  ])('prints nothing of a file that is no use: %o', async (config, message) => {
    const ended = await workspace(config).semel(
      'run',
      'p.mjs',
      '--source',
      'in.ndjson',
      '--config',
      'config.json',
    )
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(message)
    expect(ended.stderr).not.toContain('hush')
  })

  it('refuses a file that is not there', async () => {
    const ended = await workspace('{}').semel(
      'run',
      'p.mjs',
      '--source',
      'in.ndjson',
      '--config',
      'none.json',
    )
    expect(ended.stderr).toMatch(
      /none\.json can't be read \(ENOENT\); give the path of a JSON file/,
    )
  })

  it('is missed by the pipeline that is built with it', async () => {
    const ended = await workspace('{}').semel('run', 'p.mjs', '--source', 'in.ndjson')
    expect(ended.stderr).toMatch(
      /the pipeline scaled can't be built: .*; was it to be given a config/,
    )
  })
})

describe('semel run MODULE#NAME', () => {
  it('runs that pipeline of the module', async () => {
    const at = workspace('{ "scale": 2, "out": "named.ndjson" }')
    const ended = await at.semel(
      'run',
      'p.mjs#other',
      '--source',
      'in.ndjson',
      '--config',
      'config.json',
    )
    expect(ended.stderr).toMatch(/^semel: other: at-least-once/)
    expect(at.lines('named.ndjson')).toEqual(['0', '2', '4'])
  })
})

describe('semel bench --config', () => {
  it('measures a pipeline that is built with one', async () => {
    const at = workspace('{ "scale": 2, "out": "out.ndjson" }')
    const ended = await at.semel(
      'bench',
      'p.mjs',
      '--source',
      'in.ndjson',
      '--config',
      'config.json',
      '--seconds',
      '0.1',
      '--runs',
      '1',
      '--rate',
      '0',
      '--only',
      'at-most-once',
    )
    expect(ended.stderr + ended.stdout).toMatch(/scaled: 3 messages/)
    expect(ended.code).toBe(0)
  }, 60_000)
})
