import { expect, test } from 'vitest'
import { messagesOf, type Case } from './case.js'
import { drawCase } from './draw.js'
import { shrink } from './shrink.js'

const numbers = Array.from({ length: 400 }, (_, i) => i)
const hasSet = (given: Case): boolean =>
  [...messagesOf(given).values()].some(({ value }) => JSON.stringify(value).includes('"set"'))

test('a case follows from the seed and its number', () => {
  expect(drawCase('seed', 7)).toEqual(drawCase('seed', 7))
  expect(drawCase('seed', 7)).not.toEqual(drawCase('seed', 8))
  expect(drawCase('seed', 7)).not.toEqual(drawCase('other', 7))
})

test('a case is cut down to what shows a finding', async () => {
  const found = numbers.map((number) => drawCase('shrink', number)).filter(hasSet)
  expect(found.length).toBeGreaterThan(5)
  for (const given of found.slice(0, 5)) {
    const small = await shrink(given, (one) => Promise.resolve(hasSet(one)), 2000)
    const messages = [...messagesOf(small).values()]
    expect(messages).toHaveLength(1)
    expect(messages[0]?.value).toMatchObject({ kind: 'set' })
    expect(small.setting).toMatchObject({ shards: 1, workers: 0 })
  }
})
