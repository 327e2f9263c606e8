import { describe, expect, it } from 'vitest'
import { report, Workspace, zero } from './verbs.js'

// Endless: a number every few milliseconds; says so when the first has been processed.
const ticking = `export const source = () => semel.iterableSource(async function* () {
  for (let id = 0; ; id++) {
    yield { id }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
})`
const telling = (delivery: string) => `pipeline('ticks').accepts().deliver('${delivery}')
  .tap((message) => { if (message.id === 5) console.error('five') }).to(file('out.ndjson'))`
const hanging = (delivery: string) => `pipeline('stuck').accepts().deliver('${delivery}')
  .map((message) => {
    if (message.id < 10) return message
    console.error('stuck')
    return new Promise(() => {})
  }).to(file('out.ndjson'))`

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, code) => {
  it.each([0, 1])('ends what is in flight and sums up, with %i workers', async (workers) => {
    const workspace = new Workspace()
    workspace.module('m.mjs', telling('at-least-once'), ticking)
    const running = workspace.start(['run', 'm.mjs', '--json', '--workers', `${workers}`])
    await running.says('five')
    running.child.kill(signal)
    const ended = await running.ended
    expect(ended.code).toBe(code)
    const counters = report(ended.stdout)
    const written = workspace.lines('out.ndjson').length
    expect(counters).toMatchObject({ ...zero, stored: written, processed: written })
  })
})

describe('a signal', () => {
  it.each([0, 1])('gives up an opening that hangs, with %i workers', async (workers) => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline(import.meta, 'hangs', (p) => {
        p.resource(() => { console.error('opening'); return new Promise(() => setInterval(() => {}, 1000)) })
        return p.accepts().deliver('at-least-once').to(file('out.ndjson'))
      })`,
      ticking,
    )
    const running = workspace.start(['run', 'm.mjs', '--workers', `${workers}`])
    await running.says('opening')
    running.child.kill('SIGTERM')
    const ended = await running.ended
    expect(ended.stderr).toMatch(/SIGTERM: given up while the pipeline was being opened/)
    expect(ended.code).toBe(143)
  })

  it('is told in the table', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      telling('exactly-once').replace(
        `('exactly-once')`,
        `('exactly-once', { id: (message) => message.id, window: '1h' })`,
      ),
      ticking,
    )
    const running = workspace.start(['run', 'm.mjs'])
    await running.says('five')
    running.child.kill('SIGINT')
    expect((await running.ended).stdout).toMatch(/ messages\/s\nstopped by SIGINT\n$/)
  })

  it('leaves to the next run what does not end within the deadline', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', hanging('at-least-once'))
    const source = workspace.numbers('in.ndjson', 100)
    const words = ['run', 'm.mjs', '--source', source, '--close-timeout', '200ms']
    const running = workspace.start([...words, '--json'])
    await running.says('stuck\n')
    running.child.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(report(stdout)).toMatchObject({ ...zero, stored: 100, processed: 10, inFlight: 90 })

    workspace.module('m.mjs', telling('at-least-once').replace('ticks', 'stuck'))
    const again = await workspace.semel(...words)
    expect(again.code).toBe(0)
    expect(again.stdout).toContain('\n    left over    90\n')
    expect(workspace.lines('out.ndjson')).toHaveLength(100)
  })

  it('fails under at-most-once where messages are lost by it', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', hanging('at-most-once'))
    const source = workspace.numbers('in.ndjson', 100)
    const running = workspace.start([
      'run',
      'm.mjs',
      '--source',
      source,
      '--close-timeout',
      '200ms',
      '--json',
    ])
    await running.says('stuck\n')
    running.child.kill('SIGTERM')
    const { code, stdout, stderr } = await running.ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /semel: SEMEL_TIMEOUT: \d+ messages were in flight 200 ms after SIGTERM, and at-most-once keeps none; --close-timeout waits longer\n$/,
    )
  })

  it('exits at once when it is the second', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', hanging('at-least-once'))
    const source = workspace.numbers('in.ndjson', 100)
    const running = workspace.start(['run', 'm.mjs', '--source', source, '--json'])
    await running.says('stuck\n')
    running.child.kill('SIGINT')
    await new Promise((resolve) => {
      setTimeout(resolve, 300)
    })
    const atMs = performance.now()
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect({ code, stdout }).toEqual({ code: 143, stdout: '' })
    expect(performance.now() - atMs).toBeLessThan(5000)
  })
})

describe('kill -9', () => {
  it('loses nothing: the same command goes on, and each message is written once', async () => {
    const workspace = new Workspace()
    workspace.module(
      'm.mjs',
      `pipeline('killed').accepts()
        .deliver('exactly-once', { id: (message) => message.id, window: '1h' })
        .map(async (message) => {
          if (message.id === 2000) console.error('midway')
          await new Promise((resolve) => setTimeout(resolve, 1))
          return message
        }).to(file('out.ndjson'))`,
    )
    const source = workspace.numbers('in.ndjson', 5000)
    const words = ['run', 'm.mjs', '--source', source, '--json']
    const running = workspace.start(words)
    await running.says('midway')
    running.child.kill('SIGKILL')
    expect((await running.ended).code).toBeNull()
    const { code, stdout } = await workspace.semel(...words)
    expect(code).toBe(0)
    expect(report(stdout)).toMatchObject({ parked: 0, inFlight: 0, duplicate: 0 })
    const ids = workspace.lines('out.ndjson').map((line) => (JSON.parse(line) as { id: number }).id)
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, id) => id))
  })
})
