import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')
/** Without what is shown as code, where brackets are none of a link. */
const proseOf = (page: string): string => textOf(page).replaceAll(/^```[\s\S]*?^```$/gm, '')

/** The anchors of a page's headings, as the places where it is read make them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map((one) => one[1] as string)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const linksOf = (page: string): string[] =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((one) => one[1] as string)
    .filter((link) => !/^https?:/.test(link))

describe.each(pages)('%s', (page) => {
  test('links to what is there', () => {
    const broken = linksOf(page).filter((link) => {
      const [path = '', anchor] = link.split('#')
      const to = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, to))) return true
      return anchor !== undefined && !anchorsOf(to).has(anchor)
    })
    expect(broken).toEqual([])
  })

  test('names folders and files that are there', () => {
    const named = [
      ...proseOf(page).matchAll(/`((?:src|native|test|bench|examples|docs)\/[\w./-]+)`/g),
    ]
    expect(
      named.map((one) => one[1] as string).filter((path) => !existsSync(join(root, path))),
    ).toEqual([])
  })

  test('names scripts of the package', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
    const named = [...textOf(page).matchAll(/npm run ([a-z:]+)/g)].map((one) => one[1] as string)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })
})

test('every page can be reached from the README', () => {
  const reached = new Set(['README.md'])
  for (const page of reached) {
    for (const link of linksOf(page)) {
      const path = link.split('#')[0] as string
      const to = resolve(root, dirname(page), path).slice(root.length)
      if (to.endsWith('.md') && statSync(join(root, to)).isFile()) reached.add(to)
    }
  }
  expect(pages.filter((page) => !reached.has(page))).toEqual([])
})

test('the README is a page, not a book', () => {
  expect(textOf('README.md').split('\n').length).toBeLessThan(140)
})
