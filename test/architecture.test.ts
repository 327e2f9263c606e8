import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { rooms } from './rooms.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each part of src may import, besides itself. */
const below: Record<string, readonly string[]> = {
  core: [],
  codec: ['core'],
  print: [],
  native: ['core'],
  reliability: ['core'],
  pipeline: ['core', 'reliability'],
  acknowledge: ['core', 'native'],
  delivery: ['core', 'pipeline', 'print'],
  runtime: ['core', 'codec', 'native', 'pipeline', 'reliability', 'acknowledge', 'delivery'],
  connectors: ['core'],
  'index.ts': [
    'core',
    'pipeline',
    'reliability',
    'acknowledge',
    'delivery',
    'runtime',
    'connectors',
  ],
  'advise.ts': ['delivery'],
  'directory.ts': ['native', 'reliability', 'runtime'],
  testing: ['core'],
  measure: ['core', 'print', 'pipeline', 'acknowledge', 'runtime', 'connectors'],
  cli: [
    'core',
    'print',
    'native',
    'pipeline',
    'runtime',
    'connectors',
    'index.ts',
    'advise.ts',
    'directory.ts',
    'measure',
  ],
}

/** What may be used of others: packages and modules of Node alone are free to all. */
const packages: Record<string, readonly string[]> = {
  codec: ['msgpackr'],
  runtime: ['piscina'],
  connectors: ['better-sqlite3', 'csv-parse', 'pg'],
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

/** Of a folder of src; more is a heap. */
const filesMax = 24

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

const room = connector

const lines = ({ text }: File): number => text.split('\n').length - 1

const partOf = (path: string, folder: string): string =>
  relative(folder, path).split('/')[0] as string

/** What a module names in its imports, exports from others, and dynamic imports of texts. */
function imports({ text }: File): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '')
  const named = /^(?:import|export|\})(?:[^'\n]*\bfrom)? '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...code.matchAll(named)].map(([, still, dynamic]) => still ?? (dynamic as string))
}

/** The files of src that a module imports. */
function targets(file: File): string[] {
  return imports(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(root, resolve(root, dirname(file.path), name)).replace(/\.js$/, '.ts'))
}

/** The part that a file lies in, with its room where that has rooms. */
function place(path: string): string {
  const part = partOf(path, 'src')
  return part === 'runtime' ? `runtime/${room(path)}` : part
}

const isIn = (where: string, area: string): boolean =>
  where === area || where.startsWith(`${area}/`)

const sources = files('src', /\.ts$/)
const natives = files('native', /\.(?:h|cc)$/)

describe('src', () => {
  test('has no part that this test does not know', () => {
    expect(
      sources
        .map(({ path }) => place(path))
        .filter((where) => !(where in below || where.replace('runtime/', '') in rooms)),
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
        } else if (part === 'runtime' && room(target) !== room(path)) {
          expect(rooms[room(path)]?.below, `${path} imports ${target}`).toContain(room(target))
        } else if (part === 'connectors') {
          expect(connector(target), `${path} imports ${target}`).toBe(connector(path))
        }
      }
    },
  )

  test('has rooms that are entered by their faces', () => {
    const entered = new Map(Object.keys(rooms).map((name) => [name, new Set<string>()]))
    for (const file of sources) {
      for (const target of targets(file)) {
        if (place(target) === place(file.path) || partOf(target, 'src') !== 'runtime') continue
        entered.get(room(target))?.add(basename(target, '.ts'))
      }
    }
    const faces = Object.entries(rooms).map(([name, { face }]) => [name, face])
    expect([...entered].map(([name, names]) => [name, [...names].toSorted()])).toEqual(faces)
  })

  test('has no circle', () => {
    const ways = new Map(sources.map((file) => [file.path, targets(file)]))
    // What imports nothing that is left goes, until nothing is left.
    for (;;) {
      const leaves = [...ways].filter(([, to]) => !to.some((target) => ways.has(target)))
      if (leaves.length === 0) break
      for (const [path] of leaves) ways.delete(path)
    }
    expect([...ways.keys()]).toEqual([])
  })

  test(`has no folder of more than ${filesMax} files`, () => {
    const counts = new Map<string, number>()
    for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
    const over = [...counts].filter(([, count]) => count > filesMax)
    expect(over.map(([folder, count]) => `${folder}: ${count}`)).toEqual([])
  })

  test('knows no part, room or way that is not there', () => {
    const used = new Set(
      sources.flatMap((file) =>
        targets(file).map((target) => `${place(file.path)} ${place(target)}`),
      ),
    )
    const known = [
      ...Object.entries(below).flatMap(([part, ones]) => ones.map((one) => [part, one])),
      ...Object.entries(rooms).flatMap(([from, { below: ones }]) =>
        ones.map((one) => [`runtime/${from}`, `runtime/${one}`]),
      ),
    ]
    const unused = known.filter(
      ([from, to]) =>
        ![...used].some((way) => {
          const [a, b] = way.split(' ') as [string, string]
          return isIn(a, from as string) && isIn(b, to as string)
        }),
    )
    expect(unused).toEqual([])
  })

  // A test that fakes them (vi.useFakeTimers) must not stop the stream.
  test.each(
    sources
      .filter(({ path }) => !/^src\/(?:cli|measure)\/|^src\/core\/waiting\/timers\.ts$/.test(path))
      .map((file) => [file.path, file] as const),
  )('%s takes time and turns from core/waiting/timers.ts alone', (_, { text }) => {
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
