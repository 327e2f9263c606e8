import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { VerificationReport } from '../../src/directory.js'
import { rangesText } from '../../src/cli/repair/damage.js'
import { verificationText } from '../../src/cli/repair/verify.js'
import { Damaged } from './damage-verbs.js'
import { passing } from './verbs.js'

const journal = 'data/shard-0/journal'
const next = `
Next: stop whatever writes there; copy the directory as it is; restore the damaged files from a
backup of this very moment if there is one (an older one repeats what was done since). Otherwise
see what a repair would do, which costs what is said above: semel repair data --dry-run
`

describe('semel verify', () => {
  it('finds nothing in a directory that kill -9 left, and exits with 0', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    expect(await directory.semel('verify', 'data')).toEqual({
      code: 0,
      stdout: 'orders, data: no damage\n',
      stderr: '',
    })
  })

  it('lists every damaged place with file, offset and cost, and exits with 1', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    const places = [45, 50].map((sequence) => directory.frame(journal, sequence))
    for (const place of places) directory.flip(journal, place + 30)
    expect(await directory.semel('verify', 'data')).toEqual({
      code: 1,
      stdout: `orders, data: 2 places damaged: the stream does not open

shard 0
  DAMAGED data/shard-0/journal at offset ${places[0]}
    message 45 was stored and does not check; good ones follow
  DAMAGED data/shard-0/journal at offset ${places[1]}
    message 50 was stored and does not check; good ones follow
  2 messages lost, by sequence: 45, 50
${next}`,
      stderr: '',
    })
    const { code, stdout } = await directory.semel('verify', 'data', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      dir: 'data',
      name: 'orders',
      holder: 0,
      damaged: true,
      findings: [
        { kind: 'damage', shard: 0, path: 'data/shard-0/journal', offset: places[0] },
        { kind: 'damage', shard: 0, path: 'data/shard-0/journal', offset: places[1] },
      ],
      shards: [
        {
          shard: 0,
          lost: [
            { first: 45, last: 45 },
            { first: 50, last: 50 },
          ],
          again: [],
        },
      ],
    })
  })

  it('names a file that is missing', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    rmSync(join(directory.folder, journal))
    const { code, stdout } = await directory.semel('verify', 'data')
    expect(code).toBe(1)
    expect(stdout).toBe(`orders, data: 1 place damaged: the stream does not open

shard 0
  MISSING data/shard-0/journal
    what was stored and not done was in it
  behind message 40 more may have been stored: nothing tells
${next}`)
  })

  it('says who has the stream open', async () => {
    const directory = new Damaged()
    directory.module(
      'm.mjs',
      passing,
      `export const source = () => semel.iterableSource(async function* () {
        yield {}
        console.error('open')
        await new Promise((resolve) => setTimeout(resolve, 60_000))
      })`,
    )
    const running = directory.start(['run', 'm.mjs', '--dir', 'data'])
    await running.says('open')
    const { stdout } = await directory.semel('verify', 'data')
    expect(stdout).toContain(
      `\nprocess ${running.child.pid} has it open: what is found may be of the moment; close the stream and verify again\n`,
    )
    running.child.kill('SIGKILL')
    await running.ended
  })

  it('says of a directory without a stream that it is none', async () => {
    const { code, stdout, stderr } = await new Damaged().semel('verify', '.')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^semel: SEMEL_FORMAT: .*\n$/)
  })

  it('tells each kind of cost apart', () => {
    const found: VerificationReport = {
      name: '',
      holder: 0,
      damaged: true,
      findings: [
        { kind: 'leftover', path: 'data/before-repair-1', offset: 0, what: 'files as they were' },
        { kind: 'torn-tail', shard: 1, path: 'data/shard-1/journal', offset: 7, what: 'torn' },
        { kind: 'foreign', shard: 2, path: 'data/shard-2/journal', offset: 12, what: 'not ours' },
      ],
      shards: [
        { shard: 0, damaged: false, ...nothing },
        { shard: 1, damaged: false, ...nothing },
        {
          shard: 2,
          damaged: true,
          lost: [{ first: 1, last: 1 }],
          again: [{ first: 2, last: 1001 }],
          unknown: [{ first: 3, last: 4 }],
          forgotten: [{ first: 5, last: 6 }],
          deadLettersLost: [{ first: 7, last: 8 }],
          unknownBehind: 9,
        },
        { shard: 3, damaged: true, ...nothing },
      ],
    }
    expect(verificationText('data', found)).toBe(`data: 1 place damaged: the stream does not open

directory
  leftover data/before-repair-1
    files as they were

shard 1
  torn tail data/shard-1/journal at offset 7
    torn

shard 2
  FOREIGN data/shard-2/journal
    not ours
  1 message lost, by sequence: 1
  1,000 messages may take effect again: 2–1001
  2 messages of which nothing tells whether they were done, or parked and are lost: 3–4
  2 messages done, but their ids are forgotten: a copy sent again takes effect again: 5–6
  2 dead letters lost, but for those retried or dropped before, by number: 7–8
  behind message 9 more may have been stored: nothing tells

shard 3
  nothing is lost, and nothing takes effect again
${next}`)
  })

  it('cuts a long list of ranges short', () => {
    const ranges = Array.from({ length: 14 }, (_, i) => ({ first: i * 2, last: i * 2 }))
    expect(rangesText(ranges)).toBe('0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 2 more ranges')
  })
})

const nothing = { lost: [], again: [], unknown: [], forgotten: [], deadLettersLost: [] }
