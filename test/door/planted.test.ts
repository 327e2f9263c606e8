import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { planted } from './planted.js'

test.each(planted)('$name can be planted into what is built', ({ file, from }) => {
  const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8')
  expect(text.split(from)).toHaveLength(2)
})
