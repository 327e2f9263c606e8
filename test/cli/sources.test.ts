import { appendFileSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { besidesGuarantee, passing, report, Workspace, type Ended } from './verbs.js'

const line = 'run m.mjs --dir data --json --source'

function setUp(): Workspace {
  const workspace = new Workspace()
  workspace.module('m.mjs', passing)
  return workspace
}

const stored = ({ stdout }: Ended): unknown => report(stdout)['stored']

describe('semel run --source', () => {
  it('- reads standard input to its end, as NDJSON', async () => {
    const workspace = setUp()
    const { child, ended } = workspace.start(`${line} -`.split(' '))
    child.stdin?.end('{"id":1}\n{"id":2}')
    expect(stored(await ended)).toBe(2)
    expect(workspace.lines('out.ndjson')).toEqual(['{"id":1}', '{"id":2}'])
  })

  it('- reads it in the format that is named', async () => {
    const workspace = setUp()
    const { child, ended } = workspace.start(`${line} - --format csv`.split(' '))
    child.stdin?.end('id,v\r1,a\r2,b')
    expect(stored(await ended)).toBe(2)
    expect(workspace.lines('out.ndjson')).toEqual(['{"id":"1","v":"a"}', '{"id":"2","v":"b"}'])
  })

  it('- ends on a signal, with what has come', async () => {
    const workspace = setUp()
    const { child, ended } = workspace.start(`${line} -`.split(' '))
    child.stdin?.write('{"id":1}\n')
    for (let i = 0; i < 500; i++) {
      try {
        if (workspace.lines('out.ndjson').length === 1) break
      } catch {
        // It has not begun yet.
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 10)
      })
    }
    child.kill('SIGTERM')
    expect((await ended).code).toBe(143)
    expect(workspace.lines('out.ndjson')).toEqual(['{"id":1}'])
  })

  it('- goes without files beside it', async () => {
    const workspace = setUp()
    const { code, stderr } = await workspace.line(`${line} - in.ndjson`)
    expect(code).toBe(2)
    expect(stderr).toContain('--source - is standard input, which goes without other files')
  })

  it('tells what of a last line is left for the next run, and takes it where it is told to', async () => {
    const workspace = setUp()
    workspace.write('in.csv', 'id,v\n1,a\n2,b')
    const kept = await workspace.line(`${line} in.csv`)
    expect(kept.code).toBe(0)
    expect(report(kept.stdout)).toMatchObject({
      stored: 1,
      notices: [{ code: 'SEMEL_SOURCE_UNENDED', warning: false }],
    })
    expect(besidesGuarantee(kept.stderr)).toMatch(
      /^semel: SEMEL_SOURCE_UNENDED: in\.csv: 3 bytes behind its last whole row.*--last-line take.*\n$/,
    )
    const taken = await workspace.line(`${line} in.csv --last-line take`)
    expect(stored(taken)).toBe(1)
    expect(workspace.lines('out.ndjson')).toEqual(['{"id":"1","v":"a"}', '{"id":"2","v":"b"}'])
  })

  it('fails in words on a compressed file, and on a folder', async () => {
    const workspace = setUp()
    workspace.write('in.ndjson', gzipSync('{"id":1}\n') as never)
    mkdirSync(join(workspace.folder, 'logs'))
    for (const [name, words] of [
      ['in.ndjson', /SEMEL_SOURCE: in\.ndjson is compressed with gzip.*gzip -dc in\.ndjson/],
      ['logs', /SEMEL_SOURCE: logs is not a regular file but a directory/],
    ] as const) {
      const { code, stdout, stderr } = await workspace.line(`${line} ${name}`)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(words)
    }
  })

  it('reads a rotated file to its end, and the new one from its start', async () => {
    const workspace = setUp()
    workspace.numbers('app.ndjson', 3)
    await workspace.line(`${line} app.ndjson`)
    const at = (name: string): string => join(workspace.folder, name)
    appendFileSync(at('app.ndjson'), '{"id":3}\n')
    renameSync(at('app.ndjson'), at('app.ndjson.1'))
    workspace.write('app.ndjson', '{"id":4}\n{"id":5}\n{"id":6}\n{"id":7}\n{"id":8}\n')
    expect(stored(await workspace.line(`${line} ./app.ndjson`))).toBe(6)
    expect(workspace.lines('out.ndjson').toSorted()).toEqual(
      Array.from({ length: 9 }, (_, id) => `{"id":${id}}`),
    )
  })
})
