import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { noStrace, Setting, type Said } from './verbs.js'

const ackLog = 'ack-0000000000000001.log'

interface Fault {
  /** The system call that fails. */
  readonly call: string
  readonly error: 'EIO' | 'ENOSPC'
  /** On which file of the directory, or the directory itself; `sink`: the sink's file. */
  readonly file: string
  /** The first call of a thread that fails; every later one succeeds. */
  readonly at: number
}

/** Runs a sender until the fault bites; in every thread the count begins anew. */
async function meet(under: Setting, fault: Fault, plan = {}): Promise<Said> {
  const { call, error, file, at } = fault
  const path = file === 'sink' ? under.to.replace('.ndjson', '-0.ndjson') : join(under.data, file)
  const strace = `strace -f -q -q -o /dev/null -P ${path} -e trace=${call} -e inject=${call}:error=${error}:when=${at}`
  // One thread for the sink's syncs, so that they are counted together.
  const command = `${strace} env UV_THREADPOOL_SIZE=1`.split(' ')
  const program = under.send({ burst: 4, pad: 100, ...plan }, command)
  return under.ended(program)
}

/** The first failure is the last word: no receipt after it, and who waits is told the cause. */
function expectPoisoned(said: Said, message: RegExp): void {
  expect(said.errors.failed).toMatchObject({ isSemelError: true, code: 'SEMEL_POISONED' })
  expect(said.errors.failed?.message).toMatch(message)
  expect(said.errors.event).toEqual(said.errors.failed)
  expect(said.errors.after).toEqual(said.errors.failed)
  expect(said.words).not.toContain('grew')
  expect(said.receipts).not.toContain(-1)
}

const rest =
  "check its disk and the system's log; nothing is acknowledged until the stream is opened again$"

describe.skipIf(noStrace !== undefined)(
  `a system call that fails${noStrace ? ` (${noStrace})` : ''}`,
  () => {
    const durabilities = [
      ['disk', 'disk', 0],
      ['disk', 'disk', 2],
      ['an interval', { interval: 5 }, 0],
      ['an interval', { interval: 5 }, 2],
    ] as const

    describe.each(durabilities)('at %s', (_, durability, workers) => {
      test.each([
        ['journal', 1],
        ['journal', 2],
        ['journal', 17],
        [ackLog, 1],
        [ackLog, 9],
      ] as const)(
        `ends the stream at a sync of the %s, the %d., with ${workers} workers`,
        async (file, at) => {
          const under = new Setting({ durability, workers })
          const path = `shard-0/${file}`
          const said = await meet(
            under,
            { call: 'fdatasync', error: 'EIO', file: path, at },
            { pauseMs: 2 },
          )
          if (said.errors.refused !== undefined) {
            // The first sync of this file is one of the opening.
            expect(said.errors.refused).toMatchObject({ isSemelError: true, code: 'SEMEL_IO' })
            expect(said.errors.refused.message).toBe(
              `cannot sync ${under.data}/${path}: Input/output error; check its disk and the system's log`,
            )
          } else {
            expectPoisoned(
              said,
              new RegExp(`^cannot sync ${under.data}/${path}: Input/output error; ${rest}`),
            )
          }
          await under.expectNothingLost()
        },
      )
    })

    describe.each([0, 2])('at disk with %d workers', (workers) => {
      test.each([
        ['journal', 'EIO', 1],
        ['journal', 'EIO', 12],
        [ackLog, 'EIO', 7],
      ] as const)('ends the stream at a write of the %s: %s, the %d.', async (file, error, at) => {
        const under = new Setting({ workers })
        const path = `shard-0/${file}`
        const said = await meet(under, { call: 'pwrite64', error, file: path, at })
        if (said.errors.refused === undefined) {
          expectPoisoned(
            said,
            new RegExp(`^cannot write ${under.data}/${path}: Input/output error; ${rest}`),
          )
        }
        await under.expectNothingLost()
      })

      test.each(['pwrite64', 'fdatasync'])(
        'ends the stream at a dead letter whose %s fails, and none is there twice',
        async (call) => {
          const under = new Setting({ workers, fails: 2 })
          const said = await meet(
            under,
            { call, error: 'EIO', file: 'shard-0/dead-letters.log', at: 5 },
            { burst: 32 },
          )
          expectPoisoned(
            said,
            new RegExp(
              `^cannot (write|sync) ${under.data}/shard-0/dead-letters.log: Input/output error; ${rest}`,
            ),
          )
          await under.expectNothingLost()
        },
      )

      test('ends the stream at a sync of the directory under a new segment', async () => {
        const under = new Setting({ workers, fails: 2, attempts: 2, shards: 1 })
        const fault = { call: 'fsync', error: 'EIO', file: 'shard-0', at: 3 } as const
        const plan = { pad: 6000, burst: 32 }
        const said = await meet(under, fault, plan)
        // The opening's directory syncs are another thread's, and come first.
        expect(said.errors.refused).toMatchObject({ isSemelError: true, code: 'SEMEL_IO' })
        expect(said.errors.refused?.message).toBe(
          `cannot sync ${under.data}/shard-0: Input/output error; check its disk and the system's log`,
        )
        await (await under.open()).close()
        const again = await meet(under, fault, plan)
        expectPoisoned(
          again,
          new RegExp(`^cannot sync ${under.data}/shard-0: Input/output error; ${rest}`),
        )
        await under.expectNothingLost()
      })

      test('ends the stream at a sync of the sink, which is not tried again', async () => {
        const under = new Setting({ workers })
        const said = await meet(under, { call: 'fdatasync', error: 'EIO', file: 'sink', at: 6 })
        expect(said.errors.failed).toMatchObject({ isSemelError: true, code: 'SEMEL_SINK' })
        expect(said.errors.failed?.message).toMatch(
          /^can't sync \/\S+\/out-0\.ndjson: EIO: i\/o error, fdatasync; check its disk, then open the stream again: it goes on from the last commit$/,
        )
        expect(said.errors.after).toEqual(said.errors.failed)
        await under.expectNothingLost()
      })

      test('ends the stream at a sync of its structures', async () => {
        const under = new Setting({ workers })
        await (await under.open()).close()
        const said = await meet(under, {
          call: 'fdatasync',
          error: 'EIO',
          file: 'structures.new',
          at: 1,
        })
        expectPoisoned(
          said,
          new RegExp(`^cannot sync ${under.data}/structures.new: Input/output error; ${rest}`),
        )
        await under.expectNothingLost()
      })
    })

    test.each([1, 2, 3, 4, 5, 6, 8, 12])(
      'refuses to open at the %d. sync of a file or a directory, whatever it is, and opens then',
      async (at) => {
        for (const call of ['fdatasync', 'fsync']) {
          const under = new Setting({})
          const strace = `strace -f -q -q -o /dev/null -e trace=${call} -e inject=${call}:error=EIO:when=${at}`
          const program = under.send({ count: 16 }, strace.split(' '))
          const said = await under.ended(program)
          const told = said.errors.refused ?? said.errors.failed
          if (told !== undefined) {
            expect(told.isSemelError).toBe(true)
            expect(told.code).toMatch(/^SEMEL_(IO|POISONED|SINK)$/)
            expect(told.message).toMatch(/^(cannot|can't) sync \/\S+: .*; check its disk/)
          } else {
            expect(said.words).toContain('done')
          }
          await under.expectNothingLost()
        }
      },
    )
  },
)
