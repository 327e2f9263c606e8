import { describe, expect, it } from 'vitest'
import { Workspace } from './verbs.js'

const toFile = `pipeline('p').accepts().deliver('at-least-once').to(file('out.ndjson'))`

describe('a run that waits for what nothing can bring', () => {
  it.each([
    [
      'a source function whose promise never settles',
      'export const source = async () => { await new Promise(() => {}) }',
      /^semel: SEMEL_NEVER_SETTLES: the promise of source\(files\) in m\.mjs has not settled/m,
    ],
    [
      'a module with an await at its top level that never settles',
      'await new Promise(() => {})',
      /^semel: SEMEL_NEVER_SETTLES: the module m\.mjs, with an await at its top level, has not settled/m,
    ],
    [
      'a source whose next message never comes',
      `export const source = () => semel.iterableSource((async function* () {
        yield { id: 1 }
        await new Promise(() => {})
      })())`,
      /^semel: SEMEL_NEVER_SETTLES: the next batch of the source iterable has not settled/m,
    ],
  ])('fails and names it: %s', async (_, more, message) => {
    const workspace = new Workspace()
    workspace.module('m.mjs', toFile, more)
    const words = ['run', 'm.mjs', '--source', 'in.ndjson', '--dir', 'data', '--workers', '0']
    workspace.numbers('in.ndjson', 1)
    const { code, stdout, stderr } = await workspace.semel(...words)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(message)
  })
})

/** What hangs, and how it says that it does. */
const hanging: [what: string, definition: string, more: string][] = [
  [
    'a sink that never closes',
    `pipeline('p').accepts().deliver('at-least-once').to(hung({ close: never }))`,
    'export const source = () => semel.iterableSource(ticks())',
  ],
  [
    'a sink that never writes',
    `pipeline('p').accepts().deliver('at-least-once').to(hung({ write: never }))`,
    'export const source = () => semel.iterableSource(ticks())',
  ],
  [
    'a sink that never connects',
    `pipeline('p').accepts().deliver('at-least-once').to({ ...hung({}), connect: never })`,
    'export const source = () => semel.iterableSource(ticks())',
  ],
  [
    'a source that neither hears its signal nor returns',
    `pipeline('p').accepts().deliver('at-least-once').to(hung({}))`,
    `export const source = () => ({ name: 'deaf', resumable: false, partitions: ['deaf'],
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: never, return: never }) }) })`,
  ],
  [
    'a handler inside of a native call',
    `pipeline('p').accepts().deliver('at-least-once')
      .tap(() => { console.error('hangs'); execSync('sleep 25') }).to(hung({}))`,
    'export const source = () => semel.iterableSource(ticks())',
  ],
]
const verbs = `import { execSync } from 'node:child_process'
const never = () => { console.error('hangs'); return new Promise(() => {}) }
const hung = (connection) => ({ name: 'hung', kind: 'repeatable',
  connect: () => { console.error('hangs'); return { write() {}, close() {}, ...connection } } })
async function* ticks() {
  for (let id = 0; ; id++) { yield { id }; await new Promise((resolve) => setTimeout(resolve, 5)) }
}`

describe.each([0, 1])('two signals with %i workers', (workers) => {
  it.each(hanging)('end a run with %s', async (what, definition, more) => {
    // On the thread that hears of signals, a native call that blocks hides them.
    if (workers === 0 && what.includes('native')) return
    const workspace = new Workspace()
    workspace.module('m.mjs', definition, `${verbs}\n${more}`)
    const words = ['run', 'm.mjs', '--dir', 'data', '--workers', `${workers}`]
    const running = workspace.start([...words, '--close-timeout', '200ms'])
    await running.says('hangs')
    const startedMs = performance.now()
    running.child.kill('SIGTERM')
    await Promise.race([running.ended, pause(1500)])
    running.child.kill('SIGTERM')
    await running.ended
    expect(performance.now() - startedMs).toBeLessThan(15_000)
  })
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
