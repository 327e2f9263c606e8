import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')

/** Names that look like codes and are none: variables of the environment, and success. */
const others = new Set(['SEMEL_DEBUG', 'SEMEL_RUNS', 'SEMEL_OK'])

/** Codes that their classes give; all other classes of the code derive from these. */
const classes: Record<string, string> = {
  SEMEL_INVALID_ARGUMENT: 'InvalidArgumentError',
  SEMEL_CLOSED: 'ClosedError',
  SEMEL_ACK_TIMEOUT: 'AckTimeoutError',
  SEMEL_FENCED: 'FencedError',
  SEMEL_COLLECT: 'CollectError',
  SEMEL_FATAL: 'Fatal',
  SEMEL_UNAVAILABLE: 'Unavailable',
  SEMEL_USAGE: 'UsageError',
}

/** The sources of a folder that end so, but for tests and what feeds them. */
function sources(folder: string, endings: RegExp, without = /(?!)/): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.test(name) && !without.test(name))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
}

const typescript = sources('src', /\.ts$/)
const native = sources('native', /\.(?:cc|h)$/, /^(?:test|faults|fuzz|bench|models)\//)

/** What is written as a text, or at the beginning of one: comments and macros are not. */
function codesIn(texts: readonly string[]): Set<string> {
  const found = texts.flatMap((text) =>
    [...text.matchAll(/(?:['"`]|`semel: )(SEMEL_[A-Z_]+)(?=['":])/g)].map(
      (one) => one[1] as string,
    ),
  )
  return new Set(found.filter((code) => !others.has(code)))
}

interface Row {
  readonly code: string
  readonly cells: readonly string[]
}

const rows: Row[] = page
  .split('\n')
  .filter((line) => line.startsWith('| `SEMEL_'))
  .map((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    return { code: (cells[0] as string).replaceAll('`', ''), cells }
  })

describe('docs/reference/errors.md', () => {
  const given = new Set([...codesIn(typescript), ...codesIn(native)])

  test('lists every code that the code gives', () => {
    expect(given.size).toBeGreaterThan(40)
    expect([...given].filter((code) => !rows.some((row) => row.code === code))).toEqual([])
  })

  test('lists none that no code gives, and each once', () => {
    const listed = rows.map(({ code }) => code)
    expect(listed.filter((code) => !given.has(code))).toEqual([])
    expect(new Set(listed).size).toBe(listed.length)
  })

  test('has cause, remedy and retriable for each', () => {
    const incomplete = rows.filter(
      ({ cells }) => cells.length !== 5 || [0, 2, 3, 4].some((i) => cells[i] === ''),
    )
    expect(incomplete).toEqual([])
  })

  test('names the class of those that have one', () => {
    const wrong = rows.filter(({ code, cells: [, named = ''] }) => {
      const own = classes[code]
      return own === undefined
        ? /Error`/.test(named.replace('`SemelError`', ''))
        : !named.includes(own)
    })
    expect(wrong).toEqual([])
    const derived = typescript.flatMap((text) =>
      [...text.matchAll(/class (\w+) extends SemelError/g)].map((one) => one[1] as string),
    )
    expect(derived.toSorted()).toEqual(Object.values(classes).toSorted())
  })

  test('calls retriable what the code does, and nothing else', () => {
    const inCode = typescript.flatMap((text) =>
      [...text.matchAll(/retriable: (?!boolean|this)/g)].flatMap(({ index }) =>
        // The code that was named last before it.
        [...text.slice(0, index).matchAll(/(?:'(SEMEL_[A-Z_]+)')/g)].slice(-1).map((one) => one[1]),
      ),
    )
    const onPage = rows.filter(({ cells }) => cells[4] !== 'no').map(({ code }) => code)
    expect(new Set(onPage)).toEqual(new Set(inCode))
  })
})

test('every page that sends a reader to a code sends to one that is listed', () => {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
  const unknown = [...pages, 'README.md', 'CHANGELOG.md'].flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const named = [...text.matchAll(/`(SEMEL_[A-Z_]+)`/g)].map((one) => one[1] as string)
    return named
      .filter((code) => !others.has(code) && !rows.some((row) => row.code === code))
      .map((code) => `${path}: ${code}`)
  })
  expect(unknown).toEqual([])
})
