import { join } from 'node:path'
import { fileSource, forEach, open, pipeline } from 'semel'
import { readDeadLetters } from 'semel/directory'
import { describe, expect, it, vi } from 'vitest'
import { Workspace } from './verbs.js'

// Many commands, each a process, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

/** Fails for what is listed in the file `bad`, read at each attempt. */
const picky = `pipeline('picky').accepts().deliver('at-least-once').retry({ attempts: 1 })
  .map((message) => {
    if (readFileSync('bad', 'utf8').split(',').includes(String(message.id))) {
      throw new RangeError('no ' + message.id + ' today')
    }
  })
  .to(forEach(() => {}))`
const reads = "import { readFileSync } from 'node:fs'\n"

/** A directory with the letters of 2 and 4, and of a line that is no JSON. */
async function withLetters(): Promise<Workspace> {
  const workspace = new Workspace()
  workspace.module('m.mjs', picky, reads)
  workspace.write('bad', '')
  workspace.write('none.ndjson', '')
  const bad = pipeline('picky')
    .accepts<{ id: number }>()
    .deliver('at-least-once')
    .retry({ attempts: 1 })
    .map(({ id }) => {
      if (id % 2 === 0 && id > 0) throw new RangeError(`no ${id} today`)
    })
    .to(forEach(() => {}))
  const stream = await open(bad, { dir: join(workspace.folder, 'data'), workers: 0 })
  const rows = join(workspace.folder, workspace.numbers('in.ndjson', 5, '{"id":\n'))
  await stream.consume(fileSource(rows))
  await stream.drain()
  await stream.close()
  return workspace
}

interface Listed {
  readonly letters: readonly {
    shard: number
    number: number
    message?: unknown
    pending?: string
  }[]
  readonly more: boolean
}

async function listed(workspace: Workspace, more = ''): Promise<Listed> {
  const { stdout, stderr } = await workspace.line(`dead-letters list data --json ${more}`)
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Listed
}

const numbers = ({ letters }: Listed): number[] => letters.map(({ number }) => number)

describe('semel dead-letters, on a closed directory', () => {
  it('shows the headers of a message, and sends them along again', async () => {
    const workspace = new Workspace()
    const dir = join(workspace.folder, 'data')
    const seen: unknown[] = []
    const failing = pipeline('failing')
      .accepts<{ id: number }>()
      .deliver('at-least-once')
      .retry({ attempts: 1 })
      .map((_, { headers }) => {
        seen.push(headers)
        throw new RangeError('no')
      })
      .to(forEach(() => {}))
    const first = await open(failing, { dir, workers: 0 })
    await first.send({ id: 1 }, { headers: { trace: '\u001b[31mé', by: 'me' } })
    await first.send({ id: 2 })
    await first.drain()
    await first.close()
    expect((await listed(workspace)).letters).toMatchObject([
      { message: { id: 1 }, headers: { trace: '\u001b[31mé', by: 'me' } },
      { message: { id: 2 } },
    ])
    const { stdout } = await workspace.line('dead-letters show data 0:1')
    expect(stdout).toContain('\n  trace: \ufffd[31mé\n  by: me\n')
    await workspace.line('dead-letters retry data 0:1')
    const second = await open(failing, { dir, workers: 0 })
    await second.drain()
    await second.close()
    expect(seen).toEqual([seen[0], {}, seen[0]])
    expect(seen[0]).toEqual({ trace: '\u001b[31mé', by: 'me' })
  })

  it('lists and shows what is there, a page at a time', async () => {
    const workspace = await withLetters()
    const { stdout } = await workspace.line('dead-letters list data')
    const lines = stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').split('\n')
    expect(lines.slice(0, 3)).toEqual([
      'picky: 3 dead letters, data',
      '  0:1  sequence 3  TIME  RangeError: no 2 today  { id: 2 }',
      '  0:2  sequence 5  TIME  RangeError: no 4 today  { id: 4 }',
    ])
    expect(lines[3]).toMatch(/^ {2}0:3 {2}sequence 6 {2}TIME {2}line 6: .*'\{"id":'$/)
    expect(await listed(workspace)).toMatchObject({
      name: 'picky',
      holder: 0,
      more: false,
      letters: [
        { shard: 0, number: 1, sequence: 3, attempts: 1, message: { id: 2 } },
        { shard: 0, number: 2, message: { id: 4 } },
        { shard: 0, number: 3, malformed: { line: 6 } },
      ],
    })
    const page = await listed(workspace, '--limit 1 --after 0:1')
    expect([numbers(page), page.more]).toEqual([[2], true])

    const shown = await workspace.line('dead-letters show data 0:2')
    expect(shown.stdout).toMatch(
      /^0:2: sequence 5, .*\n {2}attempt 1, .*: RangeError: no 4 today\n/,
    )
    expect(shown.stdout).toMatch(/\n {2}\{ id: 4 \}\n$/)
  })

  it('has what is asked done by the next opening, once', async () => {
    const workspace = await withLetters()
    const dropped = await workspace.line('dead-letters drop data 0:3')
    expect(dropped).toEqual({
      code: 0,
      stdout: '1 letter to be dropped by the next opening of the stream\n',
      stderr: '',
    })
    await workspace.line('dead-letters retry data --all')
    expect((await listed(workspace)).letters).toMatchObject([
      { number: 1, pending: 'retry' },
      { number: 2, pending: 'retry' },
    ])
    workspace.write('bad', '4')
    const words = 'run m.mjs --source none.ndjson --dir data --json'
    const run = await workspace.line(words)
    expect(JSON.parse(run.stdout)).toMatchObject({ processed: 1, deadLettered: 1 })
    // 4 has failed once more, and is a new letter.
    const left = [...readDeadLetters(join(workspace.folder, 'data'))]
    expect(left).toMatchObject([{ number: 4, message: { id: 4 } }])
    const again = await workspace.line(words)
    expect(JSON.parse(again.stdout)).toMatchObject({ stored: 0, processed: 0 })
  })

  it('refuses what is not there, and what can not be retried', async () => {
    const workspace = await withLetters()
    const none = await workspace.line('dead-letters drop data 0:1 0:9')
    expect(none).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'semel: SEMEL_INVALID_ARGUMENT: data has no open dead letter 0:9; semel dead-letters list data shows those that it has\n',
    })
    const row = await workspace.line('dead-letters retry data 0:3')
    expect(row.stderr).toMatch(
      /^semel: SEMEL_INVALID_ARGUMENT: .* 0:3 of data is a row .*semel dead-letters drop data 0:3\n$/,
    )
    const { stdout } = await workspace.line('dead-letters retry data --all --json')
    expect(JSON.parse(stdout)).toMatchObject({ letters: 2, rows: 1, done: false })
  })
})

it.each(['0', '1'])(
  'semel dead-letters, on a directory that a process with %s workers has open, is done at once',
  async (workers) => {
    const workspace = await withLetters()
    const source = `export const source = () => semel.iterableSource((async function* () {
  await new Promise((done) => setTimeout(done, 100_000))
  yield* []
})())`
    workspace.module('holds.mjs', picky, `${reads}${source}\n`)
    const holder = workspace.start(['run', 'holds.mjs', '--dir', 'data', '--workers', workers])
    await holder.says('weakest hop')
    const retried = await workspace.line('dead-letters retry data 0:1')
    expect(retried).toEqual({ code: 0, stdout: 'retried 1 letter\n', stderr: '' })
    const dropped = await workspace.line('dead-letters drop data --all')
    expect(dropped.stdout).toBe('dropped 2 letters\n')
    expect([...readDeadLetters(join(workspace.folder, 'data'))]).toEqual([])
    holder.child.kill('SIGTERM')
    await holder.ended
  },
)

describe('a wrong semel dead-letters', () => {
  const choices = 'give list, show, retry or drop, or see semel dead-letters --help'
  it.each([
    ['', `what to do is missing; ${choices}`],
    ['lits data', `there is no "lits", perhaps list; ${choices}`],
    ['list', "semel dead-letters list: DIR is missing; give a stream's directory, open or not"],
    [
      'show data',
      'semel dead-letters show: LETTER is missing; give SHARD:NUMBER as list shows it, such as 0:7',
    ],
    [
      'retry data 7',
      'semel dead-letters retry: "7" is no letter; give SHARD:NUMBER as semel dead-letters list shows it, such as 0:7',
    ],
    [
      'drop data 0:1 --all',
      'semel dead-letters drop: both --all and LETTER are given; give one of them',
    ],
    ['list data --limit 0', '--limit: "0" is out of bounds; give a whole number, 1 or more'],
  ])('%j says what is wrong', async (words, message) => {
    const workspace = new Workspace()
    const { code, stderr } = await workspace.line(`dead-letters ${words}`)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })
})
