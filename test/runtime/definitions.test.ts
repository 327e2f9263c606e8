import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { collect, memory, open, pipeline, type NamedPipeline } from 'semel'
import { describe, expect, it, vi } from 'vitest'
import { folder, node, root } from './programs.js'
import { scratch, small } from './verbs.js'

// Most are processes of their own, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const bars = `import { file, pipeline } from 'semel'
export const bars = pipeline(import.meta, 'bars', (p, config) => p
  .accepts()
  .deliver('at-least-once')
  .map((value) => ({ value, by: config.by }))
  .to(file(config.out)))
export const sums = pipeline(import.meta, 'sums', (p) => p
  .accepts().deliver('at-least-once').map((value) => value * 2).to(file('sums.ndjson')))
`

class Pool {
  readonly size = 1
}

const usual = `dir: 'data', ring: '64KiB', segment: '1MiB'`

/** Opens, sends 1 to 4, closes; says what went wrong. */
const sends = (what: string, options: string): string => `import { open } from 'semel'
import * as defined from './p.mjs'
try {
  const stream = await open(${what}, { ${usual}, ${options} })
  for (let i = 1; i <= 4; i++) await stream.send(i)
  await stream.close()
  console.log('done')
} catch (error) {
  console.log(error.code, error.message)
}`

const lines = (dir: string, name: string): unknown[] =>
  readFileSync(join(dir, name), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

describe('a definition with a home', () => {
  it.each([0, 2])('is opened as it is, configured, with %i workers', (workers) => {
    const dir = folder({
      'p.mjs': bars,
      'main.mjs': sends(
        'defined.bars',
        `workers: ${workers}, shards: 2, config: { by: { name: 'x', since: 1n }, out: 'bars-{shard}.ndjson' }`,
      ).replace('since: 1n', 'since: 1'),
    })
    expect(node(dir, 'main.mjs')).toEqual({ code: 0, said: 'done\n' })
    const written = readdirSync(dir)
      .filter((name) => name.startsWith('bars-'))
      .flatMap((name) => lines(dir, name)) as { value: number; by: unknown }[]
    expect(written.map(({ value }) => value).toSorted()).toEqual([1, 2, 3, 4])
    expect(written[0]?.by).toEqual({ name: 'x', since: 1 })
  })

  it('is found beside others of its module, whatever they are exported as', () => {
    const dir = folder({ 'p.mjs': bars, 'main.mjs': sends('defined.sums', 'workers: 1') })
    expect(node(dir, 'main.mjs').said).toBe('done\n')
    expect(lines(dir, 'sums.ndjson')).toEqual([2, 4, 6, 8])
  })

  it('is opened under another delivery than its own, by workers too', () => {
    const dir = folder({
      'p.mjs': bars,
      'main.mjs': sends(
        'defined.sums',
        `workers: 1, durability: 'memory', delivery: 'at-most-once'`,
      ),
    })
    expect(node(dir, 'main.mjs').said).toBe('done\n')
    expect(lines(dir, 'sums.ndjson')).toEqual([2, 4, 6, 8])
  })

  it('is found by its name in a URL, and as the only one by its module alone', () => {
    const dir = folder({
      'p.mjs': bars,
      'one.mjs': bars.slice(0, bars.indexOf('export const sums')),
      'named.mjs': sends(`new URL('./p.mjs#sums', import.meta.url)`, 'workers: 1'),
      'only.mjs': sends(`'./one.mjs'`, `workers: 1, config: { by: 1, out: 'one.ndjson' }`),
      'which.mjs': sends(`'./p.mjs'`, 'workers: 1'),
      'none.mjs': sends(`'./p.mjs#trades'`, 'workers: 1'),
    })
    expect(node(dir, 'named.mjs').said).toBe('done\n')
    expect(node(dir, 'which.mjs').said).toMatch(
      /^SEMEL_INVALID_ARGUMENT .*exports the pipelines bars, sums, .*say which: .*p\.mjs#bars/,
    )
    expect(node(dir, 'none.mjs').said).toMatch(/exports no pipeline trades; it exports bars, sums/)
    // It takes no number, and its directory is that of another pipeline.
    expect(node(dir, 'only.mjs').said).toMatch(/^SEMEL_\w+ .*sums/)
  })

  it('of CommonJS has the home of its module', () => {
    const dir = folder({
      'p.cjs': `const { memory, pipeline } = globalThis.semelForTests
exports.it = pipeline(module, 'cjs', (p) => p.accepts().deliver('at-least-once').to(memory()))`,
      'first.mjs': `import * as semel from 'semel'\nglobalThis.semelForTests = semel`,
      'main.mjs': sends('defined.default.it', 'workers: 1').replace('./p.mjs', './p.cjs'),
    })
    expect(node(dir, '--import', './first.mjs', 'main.mjs').said).toBe('done\n')
  })

  it('that was made by another copy of the package is opened like any other', () => {
    const dir = folder({
      'p.mjs': bars.replace(`'semel'`, `'./copy/dist/index.js'`),
      'main.mjs': sends('defined.sums', 'workers: 1'),
    })
    mkdirSync(join(dir, 'copy'))
    for (const name of ['dist', 'package.json']) {
      cpSync(join(root, name), join(dir, 'copy', name), { recursive: true })
    }
    for (const name of ['build', 'node_modules']) {
      symlinkSync(join(root, name), join(dir, 'copy', name), 'dir')
    }
    expect(node(dir, 'main.mjs').said).toBe('done\n')
  })

  it.each([
    [
      'the home of another module',
      { 'home.mjs': 'export const home = import.meta' },
      `import { home } from './home.mjs'\n${bars.replaceAll('import.meta', 'home')}`,
      /home\.mjs: a worker that imports this module finds no pipeline sums in it; define it at/,
    ],
    [
      'a name that another one of its module has',
      {},
      bars.replace(`'bars'`, `'sums'`),
      /finds 2 pipelines sums in it; give each a name of its own/,
    ],
    [
      'operators that differ from thread to thread',
      {},
      `import { isMainThread } from 'node:worker_threads'\n${bars.replace(
        '.map((value) => value * 2)',
        '[isMainThread ? "map" : "tap"]((value) => value)',
      )}`,
      /SEMEL_MODULE .*a worker built another pipeline sums than the one that was opened/,
    ],
  ])('that has %s is refused', (_, files, p, message) => {
    const dir = folder({ ...files, 'p.mjs': p, 'main.mjs': sends('defined.sums', 'workers: 1') })
    expect(node(dir, 'main.mjs').said).toMatch(message)
  })

  it.each([
    [{}, /tells no module; give import\.meta, or module in CommonJS.*keep the pipeline's module/],
    [undefined, /undefined tells no module/],
    [{ url: 'no url' }, /tells no module/],
  ])('%o is no home', (home, message) => {
    expect(() => pipeline(home as never, 'x', () => undefined as never)).toThrow(message)
  })

  it.each([
    [async () => undefined, /its function answered a promise; let it be no async function/],
    [() => undefined, /undefined is not a pipeline/],
    [(p: NamedPipeline) => p.accepts().deliver('at-most-once'), /the pipeline x has no sink/],
    [
      (_: unknown, config: { a: { b: 1 } }) => config.a.b,
      /SEMEL_MODULE|the pipeline x can't be built: Cannot read .*; was it to be given a config\?/,
    ],
  ])('that is built by %s is refused', async (build, message) => {
    const x = pipeline(import.meta, 'x', build as never)
    await expect(open(x, { workers: 0 })).rejects.toThrow(message)
  })
})

describe('a configuration', () => {
  const configured = pipeline(import.meta, 'configured', (p, config: { to: string[] }) => {
    config.to.push('changed')
    return p.accepts<number>().deliver('at-most-once').to(memory<number>())
  })

  it('is a copy, which building may change', async () => {
    const config = { to: [] }
    for (const _ of [1, 2]) await (await open(configured, { workers: 0, config })).close()
    expect(config).toEqual({ to: [] })
  })

  it.each([
    [{ to: [], pool: new Pool() }, /^config\.pool: .*open what is none as a resource/],
    [{ to: [() => 'secret'] }, /^config\.to\[0\]: .*function/],
  ])('that is no data is refused by its place', async (config, message) => {
    await expect(open(configured, { workers: 0, config: config as never })).rejects.toThrow(message)
  })

  it('is refused by a pipeline that takes none', async () => {
    const plain = pipeline('plain').accepts().deliver('at-most-once').to(memory())
    await expect(open(plain, { workers: 0, config: {} as never })).rejects.toThrow(
      /the pipeline plain takes no config; leave it out, or define it as pipeline\(import\.meta/,
    )
  })
})

const users = (
  parameters: string,
): string => `import { writeFileSync, appendFileSync } from 'node:fs'
import { file, pipeline } from 'semel'
const say = (text) => appendFileSync('said.txt', text + '\\n')
export const users = pipeline(import.meta, 'users', (p) => {
  const a = p.resource(() => { say('open a'); return { n: 1 } }, () => say('close a'))
  const b = p.resource(async () => { say('open b'); return { n: 2 } }, async () => say('close b'))
  ${parameters}
  return p.accepts().deliver('at-least-once')
    .map((value) => a.value.n * 10 + b.value.n).to(file('users-{shard}.ndjson'))
})`

describe('a resource', () => {
  it.each([
    [0, 1],
    [1, 2],
    [2, 2],
  ])('with %i workers and %i shards is opened once a worker, and closed', (workers, shards) => {
    const dir = folder({
      'p.mjs': users(''),
      'main.mjs': sends('defined.users', `workers: ${workers}, shards: ${shards}`),
    })
    expect(node(dir, 'main.mjs').said).toBe('done\n')
    const said = readFileSync(join(dir, 'said.txt'), 'utf8').split('\n').slice(0, -1)
    const times = Math.max(1, workers)
    expect(said.toSorted()).toEqual(
      ['close a', 'close b', 'open a', 'open b'].flatMap(
        (one) => Array(times).fill(one) as string[],
      ),
    )
    if (times === 1) expect(said).toEqual(['open a', 'open b', 'close b', 'close a'])
    const outputs = readdirSync(dir)
      .filter((name) => name.startsWith('users-'))
      .flatMap((name) => lines(dir, name))
    expect(outputs).toEqual([12, 12, 12, 12])
  })

  it.each([0, 1])('that can not be opened ends the opening, with %i workers', (workers) => {
    const dir = folder({
      'p.mjs': users(`p.resource(() => { throw new Error('no route to host') })`),
      'main.mjs': sends('defined.users', `workers: ${workers}`),
    })
    expect(node(dir, 'main.mjs').said).toMatch(
      /^SEMEL_RESOURCE a resource of the pipeline users can't be opened: no route to host/,
    )
    expect(readFileSync(join(dir, 'said.txt'), 'utf8')).toBe('open a\nopen b\nclose b\nclose a\n')
  })

  it('that can not be closed is told of, behind all else', async () => {
    const stuck = pipeline(import.meta, 'stuck', (p) => {
      p.resource(
        () => 1,
        () => {
          throw new Error('busy')
        },
      )
      return p.accepts<number>().deliver('at-most-once').to(memory<number>())
    })
    const stream = await open(stuck, { workers: 0 })
    await expect(stream.close()).rejects.toThrow(
      /a resource of the pipeline stuck can't be closed: busy/,
    )
    const failing = pipeline(import.meta, 'failing', (p) => {
      p.resource(
        () => 1,
        () => {
          throw new Error('busy')
        },
      )
      return p
        .accepts<number>()
        .deliver('at-most-once')
        .tap(() => {
          throw new Error('the cause')
        })
        .to(memory<number>())
    })
    await expect(collect(failing, [1])).rejects.toThrow(/the cause/)
  })

  it('is shared by the classes of one thread', async () => {
    let opened = 0
    const classed = pipeline(import.meta, 'classed', (p) => {
      const one = p.resource(
        () => ++opened,
        () => --opened,
      )
      return p
        .accepts<{ id: number; strict: boolean }>()
        .deliver(({ strict }) => (strict ? 'exactly-once' : 'at-most-once'), {
          'at-most-once': {},
          'exactly-once': { id: ({ id }) => id, window: '1h' },
        })
        .tap(() => expect(one.value).toBe(1))
        .to(memory())
    })
    const stream = await open(classed, { ...small, dir: scratch(), workers: 0 })
    for (const strict of [true, false]) {
      await stream.send({ id: 1, strict }, { acknowledge: 'processed' })
    }
    expect(opened).toBe(1)
    await stream.close()
    expect(opened).toBe(0)
  })

  it('has no value where no stream is open', () => {
    const early = pipeline(import.meta, 'early', (p) => {
      p.resource(() => 1).value.toFixed()
      return p.accepts().deliver('at-most-once').to(memory())
    })
    return expect(open(early, { workers: 0 })).rejects.toThrow(/is not open: ask for its value in/)
  })

  it.each([
    [[1], /1 is not a function; give one that opens it/],
    [[() => 1, 2], /2 is not a function; give one that closes what was opened, or none/],
  ])('of %o is refused', (given, message) => {
    const odd = pipeline(import.meta, 'odd', (p) => {
      p.resource(...(given as [never]))
      return p.accepts().deliver('at-most-once').to(memory())
    })
    return expect(open(odd, { workers: 0 })).rejects.toThrow(message)
  })
})

describe('a pipeline of TypeScript', () => {
  const typed = bars.replace('(p, config)', '(p, config: { by: string; out: string })')

  it('is run by the tsx beside it, in workers too', () => {
    const dir = folder(
      {
        'package.json': '{"type":"module"}',
        'p.ts': `${typed}\nexport type Not = { erased: never }`,
        'main.mjs': `import { open } from 'semel'
const stream = await open(new URL('./p.ts#bars', import.meta.url), { ${usual}, workers: 1, config: { by: 'ts', out: 'out.ndjson' } })
await stream.send(7)
await stream.close()
console.log('done')`,
      },
      ['tsx', 'esbuild', '@esbuild', 'get-tsconfig', 'resolve-pkg-maps'].filter((name) =>
        readdirSync(join(root, 'node_modules')).includes(name),
      ),
    )
    expect(node(dir, 'main.mjs')).toEqual({ code: 0, said: 'done\n' })
    expect(lines(dir, 'out.ndjson')).toEqual([{ value: 7, by: 'ts' }])
  })

  it('is refused with what helps where there is no tsx', async () => {
    const dir = folder({ 'package.json': '{"type":"module"}', 'p.ts': typed })
    const opening = open(pathToFileURL(join(dir, 'p.ts')), { ...small, dir, workers: 0 })
    if ('typescript' in process.features && process.features.typescript !== false) return
    await expect(opening).rejects.toThrow(/p\.ts can't be imported: .*build it to JavaScript/)
  })
})
