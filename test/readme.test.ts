import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const pagesIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .toSorted()
    .map((name) => join(folder, name))
const pages = [
  'README.md',
  ...pagesIn('docs/start'),
  // Its program takes a server, and is run by test/connectors/postgres/page.test.ts.
  ...pagesIn('docs/guide').filter((page) => !page.endsWith('databases.md')),
  ...pagesIn('docs/reference'),
]

/** Inside the package, so that its programs find semel by name, as those of its users do. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Programs begin with their names, parts of a pipeline with a step; all else must be a module. */
const programs = new Map<string, string>()
const files = new Map<string, string>()
const steps: string[] = []
const modules: string[] = []
for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8')
  for (const { groups } of text.matchAll(/^```(?:js|ts)\n(?<code>[\s\S]*?)^```$/gm)) {
    const code = groups?.['code'] as string
    const name = /^\/\/ (\S+\.js)\n/.exec(code)?.[1]
    if (name !== undefined) programs.set(name, code)
    else if (code.startsWith('.')) steps.push(code)
    else if (code.startsWith('// ')) files.set(page, code)
    else modules.push(code)
  }
}

/** Runs programs one after another, in one process: what each of them prints. */
async function run(names: readonly string[]): Promise<Map<string, string[]>> {
  const imports = names.map((name) => `await import('./${name}')\nconsole.log(end)\n`)
  writeFileSync(join(folder, 'all.js'), `const end = '-'.repeat(9)\n${imports.join('')}`)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['all.js'], {
    cwd: folder,
  })
  expect(stderr).toBe('')
  const printed = stdout.split('---------\n').map((text) => text.split('\n').slice(0, -1))
  return new Map(names.map((name, at) => [name, printed[at] as string[]]))
}

/** The totals that were written, by order. */
function totals(): Map<number, number> {
  const written = [0, 1].map((shard) =>
    readFileSync(join(folder, `totals-${shard}.ndjson`), 'utf8'),
  )
  const orders = written
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { id: number; total: number })
  const found = new Map(orders.map(({ id, total }) => [id, total]))
  expect(found.size).toBe(orders.length)
  return new Map([...found].toSorted(([a], [b]) => a - b))
}

describe('the programs of the README and of the pages for users', () => {
  for (const [name, code] of programs) writeFileSync(join(folder, name), code)

  test('are all run here', () => {
    expect([...programs.keys()]).toEqual([
      'orders.pipeline.js',
      'service.js',
      'bars.pipeline.js',
      'bars.js',
      'collect.js',
      'failures.js',
      'headers.js',
      'later.js',
      'stored.js',
      'processed.js',
      'batched.js',
      'flows.js',
      'guarantee.js',
      'http.js',
      'recall.js',
      'http-sink.js',
      'sinks.js',
      'outputs.js',
      'sqlite.js',
      'branches.js',
      'ledger.js',
      'sources.js',
      'position.js',
      'queue.js',
      'log.js',
    ])
  })

  test('store orders, and hear of them in each of the ways', async () => {
    const printed = await run([...programs.keys()])
    expect(printed.get('service.js')).toEqual([])
    expect(printed.get('stored.js')).toEqual([expect.stringMatching(/^[01] \d disk$/), 'processed'])
    expect(printed.get('processed.js')).toEqual(['15'])
    expect(printed.get('batched.js')?.toSorted()).toEqual([
      '1 2',
      'acknowledged processed',
      expect.stringMatching(/^refused id: undefined is no id/),
    ])
    expect(printed.get('flows.js')).toEqual([
      '7 acknowledged processed',
      '8 acknowledged processed',
      '9 acknowledged processed',
    ])
    expect(printed.get('guarantee.js')?.[0]).toBe('reader []')
    expect(totals()).toEqual(
      new Map([
        [1, 20],
        [2, 5],
        [3, 8],
        [4, 15],
        [5, 1],
        [6, 4],
        [7, 7],
        [8, 8],
        [9, 9],
        [11, 1],
        [12, 1],
      ]),
    )
    expect(readFileSync(join(folder, 'bars.ndjson'), 'utf8')).toBe('{"id":1,"price":250}\n')
    expect(printed.get('collect.js')).toEqual(['[ { id: 1, price: 250 } ]'])
    expect(printed.get('failures.js')).toEqual([
      'dead-lettered 2 Error: nobody can do sweep',
      "[ 'sweep' ] 0",
    ])
    expect(printed.get('headers.js')).toEqual(["[ '00-4bf9…-01', 'none' ]"])
    expect(printed.get('later.js')).toEqual(['[ 2, 1 ]'])
    expect(printed.get('http.js')).toEqual(['200 2500', '200 2500', '422', '1'])
    expect(printed.get('recall.js')).toEqual(['{ cents: 2500 }', '422'])
    expect(printed.get('http-sink.js')).toEqual(['POST /paid "7"', 'processed'])
    expect(printed.get('sinks.js')).toEqual(['500 1'])
    expect(printed.get('branches.js')).toEqual([
      `[ '{"id":0,"cents":500}', '{"id":1,"cents":5000}' ]`,
      "[ '1' ]",
      '{ id: 2, cents: 0 }',
    ])
    expect(printed.get('outputs.js')).toEqual(['10', '20', '20', '30'])
    expect(printed.get('sqlite.js')).toEqual(['{ rows: 2, sum: 588.5 }'])
    expect(printed.get('ledger.js')).toEqual(["1 { lineage: 'a lineage', epoch: 1, n: 1 }"])
    expect(printed.get('position.js')).toEqual(['false', '2'])
    expect(printed.get('queue.js')).toEqual(['3 3 1'])
    expect(printed.get('log.js')).toEqual(['3 3'])
    expect(printed.get('sources.js')).toEqual(['3 1 - 1 1 1', '0 0 - 1 1 1'])
    // A dozen programs, most of which start workers of their own.
  }, 90_000)
})

test('what the pages show in part can be written so', async () => {
  const wholes = steps.map((step) => {
    const chosen = step.includes('.deliver(') ? step : `.deliver('at-least-once')${step}`
    const whole = step.includes('.to(') ? chosen : `${chosen}.to(memory())`
    return `import { exponential, forEachBatch, memory, pipeline } from 'semel'\npipeline('part').accepts()${whole}\n`
  })
  const names = [...wholes, ...modules].map((code, at) => {
    writeFileSync(join(folder, `part-${at}.js`), code)
    return `part-${at}.js`
  })
  await run(names)
  expect([steps.length, modules.length]).toEqual([10, 2])
})

test('what a page shows of a file is in it', () => {
  const quickstart = files.get('docs/start/quickstart.md')
  expect([...files.keys()]).toEqual(['docs/start/quickstart.md'])
  expect(quickstart).toBe(readFileSync(join(root, 'examples/quickstart.ts'), 'utf8'))
})
