import { expect, test } from 'vitest'
import { Rounds } from './postgres/rounds.js'

/** A message as a client of PostgreSQL sends it; the first one has no type. */
function message(type: string, text: string): Buffer {
  const body = Buffer.from(`${text}\0`)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type), length, body])
}

const startup = message('', 'user')
const parsed = (sql: string): Buffer =>
  Buffer.concat([message('P', sql), message('B', 'x'), message('E', ''), message('S', '')])

/** What becomes of bytes that arrive in such pieces: each round's length, and whether it is a commit. */
function roundsOf(...chunks: readonly Buffer[]): [bytes: number, isCommit: boolean][] {
  const rounds = new Rounds()
  return chunks.flatMap((chunk) =>
    rounds.take(chunk).map(({ bytes, isCommit }): [number, boolean] => [bytes.length, isCommit]),
  )
}

test('rounds end where an answer is awaited, however their bytes arrive', () => {
  const asked = parsed('SELECT 1')
  const committed = parsed('WITH semel_taken AS (…) SELECT 1')
  const all = Buffer.concat([startup, asked, committed])
  const due = [
    [startup.length, false],
    [asked.length, false],
    [committed.length, true],
  ]
  expect(roundsOf(all)).toEqual(due)
  const bytes = Array.from(all, (_, at) => all.subarray(at, at + 1))
  expect(roundsOf(...bytes)).toEqual(due)
})

test('the end of a transaction is a commit, its beginning and its statements are not', () => {
  const texts = ['BEGIN ISOLATION LEVEL READ COMMITTED', 'COMMIT', 'ROLLBACK']
  const simple = texts.map((text) => message('Q', text))
  const written = parsed('INSERT INTO outputs SELECT $1')
  expect(roundsOf(startup, ...simple, written).map(([, isCommit]) => isCommit)).toEqual([
    false,
    false,
    true,
    false,
    false,
  ])
})

test('what awaits no answer goes on at once', () => {
  const [password, end] = [message('p', 'secret'), message('X', '')]
  expect(roundsOf(startup, password, end).map(([bytes]) => bytes)).toEqual([
    startup.length,
    password.length,
    end.length,
  ])
})
