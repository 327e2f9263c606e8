import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/internals/glossary.md'), 'utf8')

/**
 * By word: the names that mean what it means, and the files and folders that have to do with that;
 * directories call a file's prints `marks`.
 */
const meanings: Readonly<Record<string, readonly [names: readonly string[], files: RegExp]>> = {
  settle: [
    ['settle', 'settled'],
    /^(?:native\/details|runtime\/(?:failures|loop|sinks\/by-products))\b/,
  ],
  mark: [
    ['mark', 'marks', 'marksAt', 'marksCapacity', 'readMark'],
    /^(?:acknowledge|connectors\/file\/source|native\/(?:addon|replies)|runtime\/replies)\b/,
  ],
  place: [
    [
      'place',
      'places',
      'placeOf',
      'placesOf',
      'givenPlace',
      'commitPlaces',
      'sinkPlace',
      'sinkPlaces',
      'Place',
    ],
    /^(?:core\/(?:replayable-source|sink)|index|connectors\/(?:file|memory)\/sink|measure\/subject\/counting-sink|native\/addon|runtime\/(?:directory|loop|sinks|sources|stream\/collect)|testing)\b/,
  ],
  intake: [['registerIntake'], /^(?:native\/addon|runtime\/door\/staging)\b/],
  draft: [[], /^$/],
}

/** Names that the world has given, and an idiom. */
const given: readonly string[] = [
  'allSettled',
  'settling',
  'byteOrderMark',
  'hasByteOrderMark',
  'skipByteOrderMark',
  'highWaterMark',
  'inPlace',
  'isInPlace',
]

/** What code is left of a line once comments and texts are gone; a text's `${…}` is code. */
function codeOf(source: string): string {
  return source
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
    .replaceAll(/^(.*?)\/\/.*$/gm, '$1')
    .replaceAll(/`(?:[^`\\]|\\[^])*`/g, (text) =>
      [...text.matchAll(/\$\{([^}]*)\}/g)].map((one) => one[1] as string).join(' '),
    )
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, code: codeOf(readFileSync(join(root, 'src', name), 'utf8')) }))

/** The names in which the word is one of the words, in whatever form: `sinkPlace`, `#unmarked`, `settledMs`. */
function namesWith(word: string, code: string): string[] {
  const form = new RegExp(`^(?:un)?${word.replace(/e$/, 'e?')}(?:s|r|d|ed|ing)?$`)
  const names = code.match(/[A-Za-z_$][\w$]*/g) ?? []
  return names.filter((name) =>
    (name.match(/[A-Z]?[a-z]+/g) ?? []).some((part) => form.test(part.toLowerCase())),
  )
}

describe('docs/internals/glossary.md', () => {
  test.each(Object.entries(meanings))(
    'keeps the meaning of %s in names of src',
    (word, meaning) => {
      const [names, about] = meaning
      expect(page).toContain(`| **${word}** |`)
      const strange = files.flatMap(({ name, code }) =>
        namesWith(word, code)
          .filter((one) => !given.includes(one) && !(names.includes(one) && about.test(name)))
          .map((one) => `${name}: ${one}`),
      )
      expect([...new Set(strange)]).toEqual([])
    },
  )
})
