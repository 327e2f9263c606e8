// Which file is which: by inode and first bytes, not by how its path is spelled.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fileSource } from '../../src/connectors/file/source/source.js'
import { Keeper } from './keeper.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 40)

let dir: string
let keeper: Keeper
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'semel-file-identity-')))
  keeper = new Keeper()
})
afterEach(() => rmSync(dir, { recursive: true }))

const at = (name: string): string => join(dir, name)
const lines = (...rows: readonly (string | number)[]): string =>
  rows.map((row) => `${row}\n`).join('')
const read = (...names: readonly string[]) => keeper.read(fileSource(names.map(at), { batch: 2 }))
const readRows = async (...names: readonly string[]) => (await read(...names)).messages

/** A row that is longer than what a file is known by. */
const wide = (n: number): string => `${'x,'.repeat(1000)}${n}\n`

describe('the same file', () => {
  test.each([
    [
      'another spelling',
      () => join(dir, '.', 'sub', '..', 'a.log').replace(dir, `${dir}/./sub/..`),
    ],
    ['a relative path', () => relative(process.cwd(), at('a.log'))],
    ['a symbolic link', () => (symlinkSync('a.log', at('link.log')), at('link.log'))],
    ['a hard link', () => (linkSync(at('a.log'), at('hard.log')), at('hard.log'))],
    ['a linked folder', () => (symlinkSync(dir, at('folder')), join(dir, 'folder', 'a.log'))],
    ['its name after it was renamed', () => (renameSync(at('a.log'), at('b.log')), at('b.log'))],
  ])('is known by %s', async (_, path) => {
    mkdirSync(at('sub'))
    writeFileSync(at('a.log'), lines('one', 'two'))
    expect(await readRows('a.log')).toEqual(['one', 'two'])
    const other = path()
    appendFileSync(other, lines('three'))
    expect((await keeper.read(fileSource(other))).messages).toEqual(['three'])
  })

  test('named twice in one source is read once', async () => {
    writeFileSync(at('a.log'), lines('one'))
    symlinkSync('a.log', at('b.log'))
    expect(await readRows('a.log', 'b.log')).toEqual(['one'])
  })

  test.each(['rename', 'copy'])('written anew and longer is gone on with (%s)', async (how) => {
    writeFileSync(at('a.log'), lines('one', 'two'))
    await read('a.log')
    writeFileSync(at('draft'), lines('one', 'two', 'three'))
    rmSync(at('a.log'))
    if (how === 'rename') renameSync(at('draft'), at('a.log'))
    else copyFileSync(at('draft'), at('a.log'))
    expect(await readRows('a.log')).toEqual(['three'])
  })

  test('is that of a directory of 0.1.0, which knew its path as it was spelled', async () => {
    writeFileSync(at('a.log'), lines('one', 'two'))
    keeper.known.push({ name: at('a.log'), identity: undefined, offset: 4 })
    expect(await readRows('a.log')).toEqual(['two'])
    renameSync(at('a.log'), at('b.log'))
    appendFileSync(at('b.log'), lines('three'))
    expect(await readRows('b.log')).toEqual(['three'])
  })

  test('may be empty at first', async () => {
    writeFileSync(at('a.log'), '')
    expect(await readRows('a.log')).toEqual([])
    appendFileSync(at('a.log'), lines('one'))
    expect(await readRows('a.log')).toEqual(['one'])
    expect(await readRows('a.log')).toEqual([])
  })

  test('may lose a torn last line to the writer that goes on', async () => {
    writeFileSync(at('a.log'), lines('one', 'two') + 'to')
    expect(await readRows('a.log')).toEqual(['one', 'two'])
    truncateSync(at('a.log'), 8)
    appendFileSync(at('a.log'), lines('three'))
    expect(await readRows('a.log')).toEqual(['three'])
  })

  test('may be corrected as long as nothing of it was read', async () => {
    writeFileSync(at('a.csv'), 'a,a\n1,2\n')
    await expect(read('a.csv')).rejects.toMatchObject({ code: 'SEMEL_SOURCE' })
    writeFileSync(at('a.csv'), 'a,b\n1,2\n')
    expect(await readRows('a.csv')).toEqual([{ a: '1', b: '2' }])
  })
})

describe('another file', () => {
  test('has the same name in another folder, and even the same content', async () => {
    for (const day of ['mon', 'tue']) {
      mkdirSync(at(day))
      writeFileSync(at(`${day}/day.log`), lines('open', day))
    }
    expect(await readRows('mon/day.log')).toEqual(['open', 'mon'])
    expect(await readRows('tue/day.log')).toEqual(['open', 'tue'])
    expect(await readRows('mon/day.log', 'tue/day.log')).toEqual([])
  })

  test.each(['constructor', '__proto__', 'toString', 'not resumable: x', 'unnamed 0'])(
    'may be called %s',
    async (name) => {
      writeFileSync(at(name), lines('one'))
      expect(await readRows(name)).toEqual(['one'])
      expect(await readRows(name)).toEqual([])
    },
  )
})

describe('a rotated file', () => {
  test('is read to its end under its new name, and the new one from its start', async () => {
    writeFileSync(at('app.log'), lines(1, 2, 3))
    await read('app.log')
    appendFileSync(at('app.log'), lines(4))
    renameSync(at('app.log'), at('app.log.1'))
    writeFileSync(at('app.log'), lines(11, 12, 13, 14, 15))
    const { messages, partitions } = await read('app.log')
    expect(messages.toSorted()).toEqual(['11', '12', '13', '14', '15', '4'])
    expect(new Set(partitions)).toEqual(new Set([at('app.log.1'), at('app.log')]))
    appendFileSync(at('app.log'), lines(16))
    expect(await readRows('app.log')).toEqual(['16'])
  })

  test('is read to its end before the one in its place, however small the batches', async () => {
    writeFileSync(at('app.log'), lines(1))
    await read('app.log')
    appendFileSync(at('app.log'), lines(2, 3, 4, 5, 6, 7))
    renameSync(at('app.log'), at('app.log.2'))
    writeFileSync(at('app.log.1'), lines(8, 9, 10, 11))
    writeFileSync(at('app.log'), lines(12, 13, 14, 15, 16))
    expect((await readRows('app.log')).map(Number)).toEqual(
      Array.from({ length: 15 }, (_, i) => i + 2),
    )
  })

  test('is found again by a reading behind one that failed in the middle of it', async () => {
    writeFileSync(at('app.log'), lines(1, 2))
    await read('app.log')
    appendFileSync(at('app.log'), lines(3, 4, 5, 6))
    renameSync(at('app.log'), at('app.log.1'))
    writeFileSync(at('app.log'), lines(11, 12, 13))
    const first = await keeper.read(fileSource(at('app.log'), { batch: 2 }), 2)
    const second = await read('app.log')
    expect([...first.messages, ...second.messages].map(Number).toSorted((a, b) => a - b)).toEqual([
      3, 4, 5, 6, 11, 12, 13,
    ])
    expect(await readRows('app.log')).toEqual([])
  })

  test('twice between two readings leaves none of them out', async () => {
    writeFileSync(at('app.log'), lines(1))
    await read('app.log')
    appendFileSync(at('app.log'), lines(2))
    renameSync(at('app.log'), at('app.log.2'))
    writeFileSync(at('app.log.1'), lines(11, 12))
    writeFileSync(at('app.log'), lines(21))
    expect((await readRows('app.log')).toSorted()).toEqual(['11', '12', '2', '21'])
    expect(await readRows('app.log')).toEqual([])
  })

  test('may have another name than the old one with more behind it', async () => {
    writeFileSync(at('app.log'), lines(1))
    await read('app.log')
    appendFileSync(at('app.log'), lines(2))
    renameSync(at('app.log'), at('2026-11-27.txt'))
    writeFileSync(at('app.log'), lines(11))
    expect((await readRows('app.log')).toSorted()).toEqual(['11', '2'])
  })

  test('with an empty one in its place is read to its end', async () => {
    writeFileSync(at('app.log'), lines(1))
    await read('app.log')
    appendFileSync(at('app.log'), lines(2))
    renameSync(at('app.log'), at('app.log.1'))
    writeFileSync(at('app.log'), '')
    expect(await readRows('app.log')).toEqual(['2'])
    appendFileSync(at('app.log'), lines(11))
    expect(await readRows('app.log')).toEqual(['11'])
  })

  test('copied and cut off is read to its end in the copy', async () => {
    writeFileSync(at('app.log'), lines(1, 2, 3))
    await read('app.log')
    appendFileSync(at('app.log'), lines(4))
    copyFileSync(at('app.log'), at('app.log.1'))
    truncateSync(at('app.log'), 0)
    expect(await readRows('app.log')).toEqual(['4'])
    appendFileSync(at('app.log'), lines(11))
    const { messages, notices } = await read('app.log')
    expect(messages).toEqual(['11'])
    expect(notices).toEqual([])
  })

  test('copied and cut off is found while the new one is how the old one began', async () => {
    writeFileSync(at('app.log'), lines('boot', 2, 3))
    await read('app.log')
    appendFileSync(at('app.log'), lines(4))
    copyFileSync(at('app.log'), at('app.log.1'))
    writeFileSync(at('app.log'), lines('boot'))
    expect(await readRows('app.log')).toEqual(['4', 'boot'])
  })

  test('that nobody has seen is read on where its first reading has failed', async () => {
    writeFileSync(at('app.log'), lines(1))
    await read('app.log')
    renameSync(at('app.log'), at('app.log.2'))
    writeFileSync(at('app.log.1'), lines(11, 12, 13, 14))
    writeFileSync(at('app.log'), lines(21))
    const first = await keeper.read(fileSource(at('app.log'), { batch: 2 }), 1)
    expect(first.messages).toEqual(['11', '12'])
    expect((await readRows('app.log')).toSorted()).toEqual(['13', '14', '21'])
  })

  test('that has gone while it was read, and begins as the new one does, is refused', async () => {
    const header = `${'column,'.repeat(1000)}last\n`
    writeFileSync(at('app.log'), header + wide(1) + wide(2) + wide(3))
    await keeper.read(fileSource(at('app.log'), { batch: 2 }), 1)
    rmSync(at('app.log'))
    writeFileSync(at('app.log'), header + wide(11) + wide(12) + wide(13) + wide(14))
    await expect(read('app.log')).rejects.toMatchObject({ code: 'SEMEL_SOURCE_TRUNCATED' })
  })

  test('of which nothing was read is written to under its new name, and read there', async () => {
    writeFileSync(at('app.log'), '')
    await read('app.log')
    renameSync(at('app.log'), at('app.log.1'))
    writeFileSync(at('app.log'), lines(11))
    expect(await readRows('app.log')).toEqual(['11'])
    appendFileSync(at('app.log.1'), lines(1))
    expect(await readRows('app.log')).toEqual(['1'])
  })

  test('given beside the new one is gone on with, also where both begin with one header', async () => {
    const header = `${'column,'.repeat(1000)}last\n`
    writeFileSync(at('app.log'), header + wide(1))
    await read('app.log')
    renameSync(at('app.log'), at('app.log.1'))
    appendFileSync(at('app.log.1'), wide(2))
    writeFileSync(at('app.log'), header + wide(11) + wide(12) + wide(13))
    const found = await readRows('app.log', 'app.log.1')
    expect(
      found.map((line) => Number(String(line).split(',').at(-1))).filter((n) => n > 0),
    ).toEqual(expect.arrayContaining([11, 12, 13, 2]))
    expect(found).toHaveLength(5)
  })

  test.each([
    ['the old one first', ['b.1.log', 'b.log']],
    ['the new one first', ['b.log', 'b.1.log']],
  ])('that is named itself is read before what took its place, %s', async (_, names) => {
    const rows = Array.from({ length: 40 }, (__, n) => n)
    writeFileSync(at('b.log'), lines(...rows))
    const first = await keeper.read(fileSource(at('b.log'), { batch: 4 }), 2)
    renameSync(at('b.log'), at('b.1.log'))
    writeFileSync(at('b.log'), lines('new'))
    writeFileSync(at('a.log'), lines('other'))
    const { messages } = await read('a.log', ...names)
    const own = [...first.messages, ...messages].filter((row) => row !== 'other')
    expect(own).toEqual([...rows.map(String), 'new'])
  })

  test('that have changed names are both gone on with', async () => {
    writeFileSync(at('a.log'), lines('a1', 'a2'))
    writeFileSync(at('b.log'), lines('b1', 'b2'))
    await read('a.log', 'b.log')
    renameSync(at('a.log'), at('c.log'))
    renameSync(at('b.log'), at('a.log'))
    renameSync(at('c.log'), at('b.log'))
    for (const name of ['a.log', 'b.log']) appendFileSync(at(name), lines(`more ${name}`))
    expect((await readRows('a.log', 'b.log')).toSorted()).toEqual(['more a.log', 'more b.log'])
  })

  test('that is gone is told', async () => {
    writeFileSync(at('app.log'), lines(1, 2))
    await read('app.log')
    rmSync(at('app.log'))
    writeFileSync(at('app.log'), lines(11, 12))
    const { messages, notices } = await read('app.log')
    expect(messages).toEqual(['11', '12'])
    expect(notices).toMatchObject([
      {
        code: 'SEMEL_SOURCE_REPLACED',
        warning: true,
        message: expect.stringContaining('holds other content than before'),
      },
    ])
  })

  test('that is gone is refused where bytes of it had not been read', async () => {
    writeFileSync(at('b.log'), lines(1, 2, 3))
    await keeper.read(fileSource(at('b.log'), { batch: 1 }), 1)
    writeFileSync(at('b.log'), lines(21))
    await expect(read('b.log')).rejects.toMatchObject({
      code: 'SEMEL_SOURCE_TRUNCATED',
      message: expect.stringContaining('4 bytes had not been read'),
    })
  })

  test('that is shorter, and the same so far, is refused', async () => {
    writeFileSync(at('app.log'), lines(1, 2, 3))
    await read('app.log')
    truncateSync(at('app.log'), 4)
    await expect(read('app.log')).rejects.toMatchObject({ code: 'SEMEL_SOURCE_TRUNCATED' })
  })
})

/** As logrotate does before it makes room for `app.log.1`. */
function shift(): void {
  for (let i = 9; i > 0; i--) {
    try {
      renameSync(at(`app.log.${i}`), at(`app.log.${i + 1}`))
    } catch {
      // There are not so many yet.
    }
  }
}

/** What may happen to a log between two readings. */
const event = fc.oneof(
  { weight: 4, arbitrary: fc.nat(4).map((rows) => ({ kind: 'append' as const, rows })) },
  // Of no rows: the file that takes the place is seen empty, or with its header alone.
  { weight: 2, arbitrary: fc.nat(2).map((rows) => ({ kind: 'rename' as const, rows })) },
  { weight: 1, arbitrary: fc.nat(2).map((rows) => ({ kind: 'copy' as const, rows })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restore' as const, rows: 0 }) },
  { weight: 3, arbitrary: fc.nat(3).map((rows) => ({ kind: 'read' as const, rows })) },
)

const log = fc.record({
  /** Each row a number of its own, or all of them the same. */
  isConstant: fc.boolean(),
  /** In bytes; 0: none. The widest is longer than the beginning by which a file is known. */
  headerWidth: fc.constantFrom(0, 1, 5000),
  /** Whether all that is called `app.log` and something is given, or that one alone. */
  isGlob: fc.boolean(),
  firstRows: fc.nat(2),
  events: fc.array(event, { maxLength: 25 }),
  /** Whether a clock's tick lies between a file's making and its last change. */
  ticks: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
})

test('whatever is appended, rotated, copied and read, each row comes once', async () => {
  await fc.assert(
    fc.asyncProperty(log, async ({ isConstant, headerWidth, isGlob, firstRows, events, ticks }) => {
      rmSync(dir, { recursive: true })
      mkdirSync(dir)
      keeper = new Keeper()
      const header = headerWidth === 0 ? '' : `n,${'x'.repeat(headerWidth)}\n`
      const found: number[] = []
      const written: number[] = []
      let isLookedAt = false
      let turn = 0
      /** Its last change is later than its making, or is not: by that it is known whether that is told. */
      const touched = (): void => {
        if (ticks[turn++ % ticks.length] !== true) return
        const until = performance.now() + 6
        while (performance.now() < until);
        chmodSync(at('app.log'), 0o600)
      }
      const append = (rows: number): void => {
        for (let i = 0; i < rows; i++) {
          written.push(isConstant ? 1000 : 1000 + written.length)
          appendFileSync(at('app.log'), lines(`${written.at(-1)},`))
        }
      }
      const begin = (): void => {
        writeFileSync(at('app.log'), header)
        touched()
        isLookedAt = false
      }
      const reading = async (batches: number): Promise<void> => {
        const names = isGlob ? readdirSync(dir) : ['app.log']
        const options = header === '' ? { columns: ['n', 'x'], batch: 2 } : ({ batch: 2 } as const)
        const source = fileSource(names.map(at), { ...options, format: 'csv' })
        const { messages } = await keeper.read(source, batches)
        found.push(...messages.map((row) => Number((row as { n: string }).n)))
        isLookedAt = true
      }
      begin()
      append(firstRows)
      await reading(Infinity)
      for (const { kind, rows } of events) {
        if (kind === 'append') append(rows)
        if (kind === 'read') await reading(rows === 0 ? Infinity : rows)
        if (kind === 'restore') {
          const content = readFileSync(at('app.log'))
          rmSync(at('app.log'))
          writeFileSync(at('app.log'), content)
          touched()
          isLookedAt = false
        }
        if (kind === 'rename' || kind === 'copy') {
          // A rotation of what was never looked at is one of a file that nobody knows, and a copy is
          // known by nothing but what was seen.
          if (!isLookedAt || kind === 'copy') await reading(1)
          shift()
          if (kind === 'rename') renameSync(at('app.log'), at('app.log.1'))
          else {
            copyFileSync(at('app.log'), at('app.log.1'))
            truncateSync(at('app.log'), 0)
            // Where all bytes are the same, that it was cut off is to be seen by its size alone.
            if (isConstant) await reading(1)
          }
          begin()
          append(rows)
        }
      }
      await reading(Infinity)
      await reading(Infinity)
      // Of those that are given together nobody says which was first.
      expect(isGlob ? found.toSorted((a, b) => a - b) : found).toEqual(written)
    }),
    { numRuns },
  )
}, 120_000)
