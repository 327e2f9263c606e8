import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** Inside the package, so that its programs find semel by name, as those of its users do. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

const blocks = [...readme.matchAll(/^```(?:js|ts)\n(?<code>[\s\S]*?)^```$/gm)].map(
  (found) => found.groups?.['code'] as string,
)
const programs = new Map<string, string>()
const fragments: string[] = []
for (const code of blocks) {
  const name = /^\/\/ (\S+\.js)\n/.exec(code)?.[1]
  if (name === undefined) fragments.push(code)
  else programs.set(name, code)
}

/** Runs programs one after another, in one process: what each of them prints. */
async function run(names: readonly string[]): Promise<string[][]> {
  const imports = names.map((name) => `await import('./${name}')\nconsole.log(end)\n`)
  writeFileSync(join(folder, 'all.js'), `const end = '-'.repeat(9)\n${imports.join('')}`)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['all.js'], {
    cwd: folder,
  })
  expect(stderr).toBe('')
  return stdout.split('---------\n').map((printed) => printed.split('\n').slice(0, -1))
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

describe('the programs of the README', () => {
  for (const [name, code] of programs) writeFileSync(join(folder, name), code)

  test('are all run here', () => {
    expect([...programs.keys()]).toEqual([
      'orders.pipeline.js',
      'service.js',
      'stored.js',
      'processed.js',
      'batched.js',
      'flows.js',
      'guarantee.js',
    ])
  })

  test('store orders, and hear of them in each of the ways', async () => {
    const [, service, stored, processed, batched, flows, guarantee] = await run([
      ...programs.keys(),
    ])
    expect(service).toEqual([])
    expect(stored).toEqual([expect.stringMatching(/^[01] \d disk$/), 'processed'])
    expect(processed).toEqual(['15'])
    expect(batched?.toSorted()).toEqual([
      '1 2',
      'acknowledged processed',
      expect.stringMatching(/^refused id: undefined is no id/),
    ])
    expect(flows).toEqual([
      '7 acknowledged processed',
      '8 acknowledged processed',
      '9 acknowledged processed',
    ])
    expect(guarantee?.[0]).toBe('reader []')
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
  })
})

test('what the README shows in part can be written so', async () => {
  const names = fragments.map((fragment, at) => {
    const name = `fragment-${at}.js`
    const code = `pipeline('part').accepts()${fragment}.to(memory())\n`
    writeFileSync(join(folder, name), `import { memory, pipeline } from 'semel'\n${code}`)
    return name
  })
  await run(names)
  expect(fragments).toHaveLength(3)
})
