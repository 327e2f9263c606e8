import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each part of src may import, besides itself; docs/design.md §11. */
const below: Record<string, readonly string[]> = {
  core: [],
  codec: ['core'],
  native: ['core'],
  pipeline: ['core', 'reliability'],
  reliability: ['core'],
  acknowledge: ['core', 'native'],
  observe: ['core', 'native'],
  state: ['core', 'native'],
  windows: ['core', 'state'],
  delivery: [
    'core',
    'native',
    'pipeline',
    'reliability',
    'acknowledge',
    'observe',
    'state',
    'windows',
  ],
  runtime: [
    'core',
    'codec',
    'native',
    'pipeline',
    'reliability',
    'acknowledge',
    'observe',
    'state',
    'windows',
    'delivery',
  ],
  connectors: ['core'],
  'index.ts': [
    'core',
    'native',
    'pipeline',
    'reliability',
    'acknowledge',
    'observe',
    'state',
    'windows',
    'delivery',
    'runtime',
    'connectors',
  ],
  measure: ['core', 'pipeline', 'acknowledge', 'runtime', 'connectors'],
  cli: [
    'core',
    'native',
    'pipeline',
    'reliability',
    'observe',
    'runtime',
    'connectors',
    'index.ts',
    'measure',
  ],
}

/** What may be used of others: packages and modules of Node alone are free to all. */
const packages: Record<string, readonly string[]> = {
  core: [],
  codec: ['msgpackr'],
  runtime: ['piscina'],
  connectors: ['csv-parse'],
}

/** The parts of native/ that never see each other; `shard` composes them. */
const apart = ['ring', 'dedup', 'acklog', 'deadletters']
/** `repair` has everything lenient; what reads strictly knows nothing of it. */
const nativeBelow: Record<string, readonly string[]> = {
  core: [],
  ring: ['core'],
  dedup: ['core'],
  acklog: ['core'],
  deadletters: ['core'],
  shard: ['core', ...apart],
  repair: ['core', ...apart, 'shard'],
  binding: ['core', ...apart, 'shard', 'repair'],
  faults: ['core', ...apart, 'shard', 'repair'],
}

const linesMax = 400

interface File {
  /** From the root. */
  readonly path: string
  readonly text: string
}

function files(folder: string, endings: RegExp): File[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

const connector = (of: string): string => of.split('/')[2] as string

const lines = ({ text }: File): number => text.split('\n').length - 1

const partOf = (path: string, folder: string): string =>
  relative(folder, path).split('/')[0] as string

/** What a module names in its imports, exports from others, and dynamic imports of texts. */
function imports({ text }: File): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '')
  const named = /^(?:import|export|\})(?:[^'\n]*\bfrom)? '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...code.matchAll(named)].map(([, still, dynamic]) => still ?? (dynamic as string))
}

const sources = files('src', /\.ts$/)
const natives = files('native', /\.(?:h|cc)$/)

describe('src', () => {
  test('has no part that this test does not know', () => {
    expect(
      sources.map(({ path }) => partOf(path, 'src')).filter((part) => !(part in below)),
    ).toEqual([])
  })

  test.each(sources.map((file) => [file.path, file] as const))(
    '%s imports downwards only',
    (path, file) => {
      const part = partOf(path, 'src')
      for (const name of imports(file)) {
        if (name.startsWith('node:')) continue
        if (!name.startsWith('.')) {
          const [first, second] = name.split('/') as [string, string?]
          const used = first.startsWith('@') ? `${first}/${second}` : first
          expect(packages[part] ?? [], `${path} imports ${name}`).toContain(used)
          continue
        }
        expect(name, `${path} imports ${name}`).toMatch(/\.js$/)
        const target = relative(root, resolve(root, dirname(path), name)).replace(/\.js$/, '.ts')
        const targetPart = partOf(target, 'src')
        if (targetPart !== part) {
          expect(below[part], `${path} imports ${target}`).toContain(targetPart)
        } else if (part === 'connectors') {
          expect(connector(target), `${path} imports ${target}`).toBe(connector(path))
        }
      }
    },
  )

  // A test that fakes them (vi.useFakeTimers) must not stop the stream.
  test.each(
    sources
      .filter(({ path }) => !/^src\/(?:cli|measure)\/|^src\/core\/timers\.ts$/.test(path))
      .map((file) => [file.path, file] as const),
  )('%s takes time and turns from core/timers.ts alone', (_, { text }) => {
    const direct =
      /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|nextTick|performance\.now)\(/
    expect(text.split('\n').filter((line) => direct.test(line))).toEqual([])
  })

  test('index.ts only exports', () => {
    const index = sources.find(({ path }) => path === 'src/index.ts') as File
    const statements = index.text.split('\n').filter((line) => /^\S/.test(line))
    expect(
      statements.filter((line) => !/^(?:export (?:type )?\{|\} from|\/\/|\/?\*)/.test(line)),
    ).toEqual([])
  })
})

describe('native', () => {
  const own = natives.filter(({ path }) => !/^native\/(?:test|bench|fuzz)\//.test(path))

  test('has the parts that this test knows, and no others', () => {
    expect(new Set(own.map(({ path }) => partOf(path, 'native')))).toEqual(
      new Set(Object.keys(nativeBelow)),
    )
  })

  test.each(own.map((file) => [file.path, file] as const))(
    '%s includes downwards only',
    (path, { text }) => {
      const part = partOf(path, 'native')
      for (const [, name] of text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)) {
        const target = (name as string).split('/')[0] as string
        if (target !== part) expect(nativeBelow[part], `${path} includes ${name}`).toContain(target)
      }
    },
  )

  test('only binding knows of Node', () => {
    const knowing = natives.filter(({ text }) =>
      /#\s*include\s*[<"](?:napi|node_api|node|v8|uv)\b/.test(text),
    )
    expect(knowing.length).toBeGreaterThan(0)
    expect(
      knowing.map(({ path }) => path).filter((path) => !path.startsWith('native/binding/')),
    ).toEqual([])
  })

  test('throws nothing', () => {
    const throwing = own.filter(({ text }) =>
      /\b(?:throw|try|catch)\b\s*[({;\w]/.test(text.replaceAll(/\/\/.*|"(?:[^"\\]|\\.)*"/g, '')),
    )
    expect(throwing.map(({ path }) => path)).toEqual([])
  })
})

describe('a file', () => {
  const all = [...sources, ...natives.filter(({ path }) => !path.startsWith('native/test/'))]
  test(`has at most ${linesMax} lines`, () => {
    const over = all.filter((file) => lines(file) > linesMax)
    expect(over.map((file) => `${file.path}: ${lines(file)}`)).toEqual([])
  })
})
