import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Documented {
  /** What the comment stands before, as far as it says what that is. */
  readonly declares: string
  readonly examples: readonly string[]
}

/** The doc comments of a file, with the line behind each. */
function commentsOf(path: string): Documented[] {
  const found = textOf(path).matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(.*)/g)
  return [...found].map(([, comment = '', next = '']) => {
    const lines = comment
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''))
      .join('\n')
    const examples = lines.split(/^@example\s/m).slice(1)
    return {
      declares: next.trim(),
      examples: examples.map((one) => (one.split(/^@\w/m)[0] as string).trim()),
    }
  })
}

/** One that is kept for programs that use it, and has the example of the newer one. */
const isOlderName = (name: string, path: string): boolean =>
  new RegExp(`@deprecated .*\\*/\nexport const ${name} = `).test(textOf(path))

/** The functions that users import, and where each is. */
const functions = ['src/index.ts', 'src/advise.ts', 'src/directory.ts'].flatMap((face) =>
  [...textOf(face).matchAll(/^export \{ ([^}]+) \} from '\.\/([^']+)\.js'/gm)].flatMap((one) =>
    (one[1] as string)
      .split(', ')
      .filter((name) => /^[a-z]/.test(name))
      .map((name) => [name, `src/${one[2]}.ts`] as const)
      .filter(([name, path]) => !isOlderName(name, path)),
  ),
)

/** Parsed and not run: most need what is around them. */
function parse(code: string): void {
  const AsyncFunction = (async () => {}).constructor as new (code: string) => unknown
  const begun = code.startsWith('.') ? `pipeline('part')${code}` : code
  void new AsyncFunction(begun.replaceAll('import.meta', 'module'))
}

const steps = commentsOf('src/pipeline/pipeline.ts').filter(({ declares }) =>
  /^\w+(?:<.*)?\(/.test(declares),
)

describe('an example stands', () => {
  test.each(functions)('with %s', (name, path) => {
    const own = commentsOf(path).filter(({ declares }) =>
      new RegExp(`^export (?:async )?function\\*? ${name}\\b`).test(declares),
    )
    expect(own.length).toBeGreaterThan(0)
    for (const { examples } of own) expect(examples.length).toBeGreaterThan(0)
    // Types are left out of it.
    for (const code of own.flatMap(({ examples }) => examples))
      parse(code.replaceAll(/<Order>/g, ''))
  })

  test('with each step of a pipeline', () => {
    expect(steps.length).toBeGreaterThan(13)
    expect(steps.filter(({ examples }) => examples.length === 0)).toEqual([])
    for (const step of steps.flatMap(({ examples }) => examples)) {
      const untyped = step
        .replaceAll(/: event is \w+/g, '')
        .replace(/<\{.*\}>/, '')
        .replaceAll('<Order>', '')
      parse(untyped)
    }
  })

  test.each([
    [
      'src/pipeline/deliver.ts',
      ['id', 'window', 'maxIds', 'producer', 'whenFull', 'time', 'overflow'],
    ],
    ['src/reliability/retry.ts', ['attempts', 'backoff']],
    [
      'src/runtime/settings/open-options.ts',
      [
        'dir',
        'shards',
        'workers',
        'durability',
        'acknowledge',
        'ring',
        'heartbeat',
        'workerMemory',
        'classes',
      ],
    ],
  ])('with the options in %s', (path, options) => {
    for (const option of options) {
      const own = commentsOf(path).filter(({ declares }) =>
        new RegExp(`^${option}\\??: (?!Refused)`).test(declares),
      )
      const examples = own.flatMap((one) => one.examples)
      expect([option, examples.length]).toEqual([option, 1])
      parse(`open(definition, { ${examples[0]} })`)
      expect(examples[0]).toMatch(new RegExp(`^${option}: `))
    }
  })

  test('with the calls of a stream', () => {
    const calls = commentsOf('src/runtime/stream/stream.ts').filter(
      ({ examples }) => examples.length > 0,
    )
    expect(calls.map(({ declares }) => /(\w+)(?:<.*)?\(/.exec(declares)?.[1])).toEqual([
      'push',
      'pushFrames',
      'send',
      'sendMany',
      'outcomes',
      'writable',
      'flush',
      'consume',
      'drain',
      'close',
    ])
    for (const code of calls.flatMap(({ examples }) => examples)) parse(code)
  })
})
