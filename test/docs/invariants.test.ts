import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/internals/invariants.md'), 'utf8')
const listed = [...page.matchAll(/^\| \*\*(I\d+)\*\* \|/gm)].map((one) => one[1] as string)

test('the invariants are numbered without gaps', () => {
  expect(listed).toEqual(Array.from({ length: 17 }, (_, at) => `I${at + 1}`))
})

test('whatever the code cites is listed', () => {
  const cited = ['src', 'native', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|cc|h|pml)$/.test(name))
      .flatMap((name) => [
        ...readFileSync(join(root, folder, name), 'utf8').matchAll(/(?:\(|\/\* | )(I\d{1,2})\b/g),
      ]),
  )
  const numbers = new Set(cited.map((one) => one[1] as string))
  expect(numbers.size).toBeGreaterThan(10)
  expect([...numbers].filter((number) => !listed.includes(number))).toEqual([])
})

test('where an invariant is held, and what tries it, is there', () => {
  const paths = [...page.matchAll(/`((?:src|native|test)\/[^`]+)`/g)].map((one) => one[1] as string)
  expect(paths.length).toBeGreaterThan(40)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('the planted bugs are planted', () => {
  const bugs = readFileSync(join(root, 'native/core/faults.h'), 'utf8')
  const named = [...page.matchAll(/planted ((?:`[a-z-]+`(?:, )?)+)/g)].flatMap((one) => [
    ...(one[1] as string).matchAll(/`([a-z-]+)`/g),
  ])
  expect(named.length).toBeGreaterThan(15)
  expect(
    named
      .map((one) => (one[1] as string).replaceAll('-', '_'))
      .filter((bug) => !bugs.includes(`X(${bug},`)),
  ).toEqual([])
})
