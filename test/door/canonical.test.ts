import { expect, test } from 'vitest'
import { canonical } from './canonical.js'
import { evaluate } from './evaluate.js'
import { kinds } from './kinds.js'

test('values of which one may arrive for the other have one text', () => {
  expect(canonical(evaluate('[1, , 2]'))).toBe(canonical([1, undefined, 2]))
  expect(canonical(Buffer.from([1]))).toBe(canonical(Uint8Array.of(1)))
  expect(canonical(evaluate("elsewhere('{ a: [new Date(1)] }')"))).toBe(
    canonical({ a: [new Date(1)] }),
  )
})

test('no two others have', () => {
  const values = [
    "undefined null '' 'null' '1' 0 -0 1 1n true NaN ({}) [] [[]] [undefined] [1,2] '[1,2]'".split(
      ' ',
    ),
    '({a:undefined}) ({1:1}) new_Map() new_Map([[1,2]]) new_Date(1) new_Date(NaN)'.split(' '),
    "bytes(1) bytes(2) 'é' 'e\\u0301' text('x',5000) text('x',5001) 'x'.repeat(4999)+'y'".split(
      ' ',
    ),
  ].flatMap((codes) => codes.map((code) => code.replace('_', ' ')))
  const texts = values.map((code) => canonical(evaluate(code)))
  expect(new Set(texts).size).toBe(values.length)
})

test('every value of the table can be made', () => {
  const codes = Object.values(kinds).flatMap(({ codes: all, arrives = [] }) => [...all, ...arrives])
  for (const code of codes) expect(() => evaluate(code), code).not.toThrow()
})
