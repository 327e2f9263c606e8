import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The body of an interface or class, up to the brace that ends it. */
function bodyOf(path: string, head: string): string {
  const text = textOf(path)
  const from = text.indexOf(head)
  expect([head, from]).not.toEqual([head, -1])
  return text.slice(from, text.indexOf('\n}\n', from))
}

/** The names that a pattern finds in a body, each once. */
const namesIn = (body: string, pattern: RegExp): string[] => [
  ...new Set([...body.matchAll(pattern)].map((one) => one[1] as string)),
]

/** Names that a page does not show as code. */
function missingOn(page: string, names: readonly string[]): string[] {
  const shown = [...textOf(page).matchAll(/`([^`]+)`/g)].flatMap((one) =>
    (one[1] as string).split(/\W+/),
  )
  return names.filter((name) => !shown.includes(name))
}

describe('docs/reference/builder.md', () => {
  test('has every step', () => {
    const steps = namesIn(
      bodyOf('src/pipeline/pipeline.ts', 'export interface Pipeline<'),
      /^ {2}(\w+)(?:<[^(]*)?\(/gm,
    )
    expect(steps).toContain('keyBy')
    expect(missingOn('docs/reference/builder.md', ['pipeline', 'accepts', ...steps])).toEqual([])
  })

  test('has every option of deliver', () => {
    const options = [
      'DedupOptions<M>',
      'ProducerOptions<M>',
      'ExactlyOnceOptions<M>',
      'OverflowOptions',
    ].flatMap((name) =>
      namesIn(bodyOf('src/pipeline/deliver.ts', `export interface ${name}`), /^ {2}(\w+)\??:/gm),
    )
    expect(options).toContain('whenFull')
    expect(missingOn('docs/reference/builder.md', options)).toEqual([])
  })
})

describe('docs/reference/stream.md', () => {
  const page = 'docs/reference/stream.md'
  const face = bodyOf('src/runtime/stream/stream.ts', 'export abstract class Stream<')

  test('has every call and property', () => {
    const members = namesIn(face, /^ {2}(?:abstract |async |readonly |get )*(\w+)(?:<[^(]*)?[(:]/gm)
    expect(members).toContain('sendMany')
    // What it was opened with needs no line of its own.
    const opened = ['name', 'delivery', 'durability', 'acknowledge', 'shards', 'workers']
    expect(
      missingOn(
        page,
        members.filter((name) => !opened.includes(name)),
      ),
    ).toEqual([])
  })

  test('has every event', () => {
    const events = namesIn(
      bodyOf('src/runtime/stream/stream.ts', 'export interface StreamEvents'),
      /^ {2}'?([\w-]+)'?: \[/gm,
    )
    expect(events).toContain('late-outcome')
    expect(events.filter((event) => !textOf(page).includes(`| \`${event}\` |`))).toEqual([])
  })

  test('has every counter', () => {
    const counters = [
      ['src/core/message.ts', 'export interface Counters'],
      ['src/runtime/stream/counters.ts', 'export interface ShardCounters'],
      ['src/runtime/door/producers.ts', 'export interface DoorCounters'],
      ['src/runtime/door/overflow.ts', 'export interface OverflowCounters'],
    ].flatMap(([path = '', head = '']) =>
      namesIn(bodyOf(path, head), /^ {2}(?:readonly )?(\w+):/gm),
    )
    expect(counters).toContain('conflated')
    expect(missingOn(page, counters)).toEqual([])
  })
})

test('docs/reference/cli.md and the README have every command', () => {
  const listed = /^const commands = \[([^\]]*)\]$/m.exec(textOf('src/cli/main.ts'))?.[1] ?? ''
  const commands = namesIn(listed, /'([\w-]+)'/g)
  expect(commands.length).toBeGreaterThan(6)
  for (const page of ['docs/reference/cli.md', 'README.md']) {
    const shown = textOf(page)
    expect(commands.filter((command) => !shown.includes(`npx semel ${command} `))).toEqual([])
  }
})

test('docs/reference/files.md leads to every format', () => {
  const formats = ['shard', 'ring', 'acklog', 'deadletters'].map(
    (part) => `native/${part}/FORMAT.md`,
  )
  expect(
    formats.filter((path) => !textOf('docs/reference/files.md').includes(`(../../${path})`)),
  ).toEqual([])
})
