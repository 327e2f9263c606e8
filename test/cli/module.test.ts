import { describe, expect, it } from 'vitest'
import { passing, report, Workspace, zero } from './verbs.js'

const unloadable: [name: string, content: string, message: string][] = [
  [
    'm.mjs',
    'export const pipeline = 1',
    "SEMEL_INVALID_ARGUMENT: m.mjs: undefined is not a pipeline; give (or export as default) pipeline('name')….to(sink)",
  ],
  [
    'm.mjs',
    "import 'not-installed'",
    "SEMEL_MODULE: m.mjs can't be loaded: Cannot find package 'not-installed' imported from FOLDER/m.mjs; install what it imports, or correct the import",
  ],
  [
    'm.mjs',
    'export default {',
    "SEMEL_MODULE: m.mjs can't be loaded: Unexpected end of input; correct the module; set SEMEL_DEBUG=1 to see where",
  ],
  [
    'm.mjs',
    "throw new Error('first\\nsecond')",
    "SEMEL_MODULE: m.mjs can't be loaded: first second; correct the module; set SEMEL_DEBUG=1 to see where",
  ],
  [
    'm.rs',
    'fn main() {}',
    `SEMEL_MODULE: m.rs can't be loaded: Unknown file extension ".rs" for FOLDER/m.rs; build it to JavaScript and give that file`,
  ],
]

describe('a module', () => {
  it('that is missing is named with its remedy', async () => {
    const workspace = new Workspace()
    const { code, stdout, stderr } = await workspace.semel('run', 'none.mjs', '--source', 'a')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.replace(/from .*; give/, 'from FOLDER; give')).toBe(
      'semel: SEMEL_MODULE: none.mjs: there is no such module from FOLDER; give the path of a JavaScript file that exports a pipeline as default\n',
    )
  })

  it.each(unloadable)('%s with %j says why it is none', async (name, content, message) => {
    const workspace = new Workspace()
    workspace.write(name, content)
    const { code, stdout, stderr } = await workspace.semel('run', name, '--source', 'a')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.replaceAll(/\/\S*semel-cli-\w+/g, 'FOLDER')).toBe(`semel: ${message}\n`)
  })

  it('without a sink learns that', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', `pipeline('open').accepts().deliver('at-least-once')`)
    const { stderr } = await workspace.semel('run', 'm.mjs', '--source', 'a')
    expect(stderr).toBe(
      'semel: SEMEL_INVALID_ARGUMENT: m.mjs: the pipeline open has no sink: end it with .to(…)\n',
    )
  })

  it('whose definition is refused shows the code of the refusal', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', `pipeline('x').accepts().deliver('exactly-once').to(file('o'))`)
    const { code, stderr } = await workspace.semel('run', 'm.mjs', '--source', 'a')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^semel: SEMEL_INVALID_ARGUMENT: deliver: exactly-once needs to know a message's copies.*\n$/,
    )
  })

  it('shows the stack with SEMEL_DEBUG=1 only', async () => {
    const workspace = new Workspace()
    workspace.write('m.mjs', "throw new Error('first')")
    const words = ['run', 'm.mjs', '--source', 'a']
    const plain = await workspace.semel(...words)
    expect(plain.stderr.split('\n')).toHaveLength(2)
    const debugged = await workspace.start(words, { SEMEL_DEBUG: '1' }).ended
    expect(debugged.stderr).toMatch(/\ncaused by Error: first\n\s+at file:/)
  })
})

describe('the source of a module', () => {
  const list = `export const source = (files) => semel.memorySource([...files, 'end'])`

  it('is called with the files', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', passing, list)
    const { stdout } = await workspace.semel('run', 'm.mjs', '--source', 'a', 'b', '--json')
    expect(report(stdout)).toMatchObject({ ...zero, stored: 3, processed: 3 })
    expect(workspace.lines('out.ndjson')).toEqual(['"a"', '"b"', '"end"'])
  })

  it('is called without files too, and may be asynchronous', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', passing, list.replace('(files)', 'async (files)'))
    expect((await workspace.semel('run', 'm.mjs')).code).toBe(0)
    expect(workspace.lines('out.ndjson')).toEqual(['"end"'])
  })

  it.each([
    ['export const source = 7', 'its source is 7; export a function (files) => Source as source'],
    [
      'export const source = () => [1]',
      'source(files) returned [ 1 ], which is no source; return fileSource(…), iterableSource(…) or one of your own',
    ],
  ])('that is %s is refused', async (more, message) => {
    const workspace = new Workspace()
    workspace.module('m.mjs', passing, more)
    expect(await workspace.semel('run', 'm.mjs')).toEqual({
      code: 1,
      stdout: '',
      stderr: `semel: SEMEL_MODULE: m.mjs: ${message}\n`,
    })
  })

  it('must be there for raw frames, which no file holds', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('raw').accepts(semel.frames({ size: 64 })).deliver('at-most-once').to(forEach(() => {}))`,
    )
    const { code, stderr } = await workspace.semel('run', 'm.mjs', '--source', 'a')
    expect(code).toBe(1)
    expect(stderr).toBe(
      "semel: SEMEL_MODULE: m.mjs: the pipeline raw takes raw frames, which a file's rows are not; export function source(files) from the module\n",
    )
  })
})
