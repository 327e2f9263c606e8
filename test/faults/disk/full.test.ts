import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SemelError } from 'semel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { levels, noMount, Setting, SmallDisk, scratch, until } from './verbs.js'

/** What every error of a full disk looks like: action, file, cause, remedy. */
const noSpace =
  /^(cannot|can't) [a-z ]+ \/\S+: .*(No space left on device|no space left).*; free space on its disk/

describe.skipIf(noMount !== undefined)(`a full disk${noMount ? ` (${noMount})` : ''}`, () => {
  describe.each(levels)('at %s with %d workers', (durability, workers) => {
    const ways: [string, (step: number) => string, number][] = [
      // Each of the stream's files in turn: in steps of a block at first, then of a journal.
      ['space', (step) => `size=${step < 24 ? 4 + step * 4 : (step - 22) * 64}k`, 100],
      // Each file and directory in turn finds no inode, the sink's too.
      ['inodes', (step) => `size=64m,nr_inodes=${step + 2}`, 30],
    ]
    test.each(ways)('refuses to open until there are enough %s', async (_, room, stepsMax) => {
      const disk = new SmallDisk(room(0))
      const under = new Setting({
        data: join(disk.path, 'deep', 'data'),
        to: join(disk.path, 'out.ndjson'),
        durability,
        workers,
      })
      const parcel = { id: 1, key: 'key1', pad: '' }
      let refusals = 0
      for (let step = 1; ; step++) {
        expect(step).toBeLessThan(stepsMax)
        try {
          const stream = await under.open()
          onTestFinished(() => stream.close({ timeout: 0 }).catch(() => {}))
          // The first message brings its shape, which needs space as well, and its output does.
          for (; ; step++) {
            try {
              await stream.send(parcel)
              break
            } catch (error) {
              expect(error).toMatchObject({ name: 'SemelError', code: 'SEMEL_NO_SPACE' })
              expect((error as Error).message).toMatch(noSpace)
              disk.resize(room(step))
            }
          }
          disk.resize('size=64m,nr_inodes=1000')
          await stream.close()
          break
        } catch (error) {
          expect(error).toMatchObject({ name: 'SemelError', code: 'SEMEL_NO_SPACE' })
          expect((error as Error).message).toMatch(noSpace)
          refusals += 1
          disk.resize(room(step))
        }
      }
      expect(refusals).toBeGreaterThan(8)
      under.receipts.push(1)
      await under.expectNothingLost()
    })

    test('ends the stream when the next segment of an ack log finds none, and nothing is lost', async () => {
      const disk = new SmallDisk('size=64m')
      const under = new Setting({
        data: join(disk.path, 'data'),
        durability,
        workers,
        fails: 2,
        attempts: 2,
        to: join(new SmallDisk('size=64m').path, 'out.ndjson'),
      })
      const program = under.send({ pad: 3000 })
      await program.lines(100)
      disk.fill(64)
      const said = await under.ended(program)
      expect(said.errors.failed).toMatchObject({ isSemelError: true, code: 'SEMEL_NO_SPACE' })
      expect(said.errors.failed?.message).toMatch(
        /^cannot reserve space for \/\S+\/shard-\d\/ack-\d+\.log\.new: No space left on device; free space on its disk; nothing is acknowledged until the stream is opened again$/,
      )
      expect(said.errors.event).toEqual(said.errors.failed)
      expect(said.errors.after).toEqual(said.errors.failed)
      expect(said.words).not.toContain('grew')
      expect(said.receipts.length).toBeGreaterThan(100)
      // Still full: refused, and nothing is harmed.
      await expect(under.open()).rejects.toMatchObject({ code: 'SEMEL_NO_SPACE' })
      disk.free()
      await under.expectNothingLost()
    })

    test('ends the stream when a dead letter finds none, and none is there twice', async () => {
      const disk = new SmallDisk('size=64m')
      const under = new Setting({ data: join(disk.path, 'data'), durability, workers, fails: 2 })
      const program = under.send({ pad: 3000 })
      await program.lines(60)
      disk.fill(32)
      const said = await under.ended(program)
      expect(said.errors.failed).toMatchObject({ isSemelError: true, code: 'SEMEL_NO_SPACE' })
      expect(said.errors.failed?.message).toMatch(
        /^cannot write \/\S+\/shard-\d\/dead-letters\.log: No space left on device; free space on its disk; nothing is acknowledged until the stream is opened again$/,
      )
      expect(said.words).not.toContain('grew')
      disk.free()
      await under.expectNothingLost()
    })

    test('holds its shard back when the sink finds none, and goes on by itself', async () => {
      const disk = new SmallDisk('size=16k')
      const under = new Setting({ to: join(disk.path, 'out.ndjson'), durability, workers })
      const program = under.send({ count: 4000 })
      await until(() => program.stdout.includes('sink-failed'), 'a failure of the sink')
      disk.resize('size=16m')
      const said = await under.ended(program)
      expect(said.words).toContain('done')
      expect(said.receipts).toHaveLength(4000)
      expect(said.sinkFailures[0]).toMatch(
        /^can't write \/\S+\/out-\d\.ndjson: ENOSPC: no space left on device, write; free space on its disk, then it goes on$/,
      )
      await under.expectNothingLost()
    })

    test('refuses to recover a killed stream or recovers it, and loses nothing either way', async () => {
      for (const leaveKiB of [0, 8, 1100]) {
        const disk = new SmallDisk('size=64m')
        const under = new Setting({
          data: join(disk.path, 'data'),
          to: join(new SmallDisk('size=64m').path, 'out.ndjson'),
          durability,
          workers,
          fails: 3,
        })
        const program = under.send({ pad: 2000 })
        await program.lines(100 + Math.floor(Math.random() * 200))
        await under.killed(program)
        disk.fill(leaveKiB)
        for (let tries = 0; tries < 3; tries++) {
          const refused = await under
            .open()
            .then(
              (stream) => stream.close({ timeout: 50 }).then(() => undefined),
              (error: unknown) => error as SemelError,
            )
            .catch((error: unknown) => error as SemelError)
          if (refused === undefined) continue
          expect(refused.code).toBe('SEMEL_NO_SPACE')
          expect(refused.message).toMatch(noSpace)
        }
        disk.free()
        await under.expectNothingLost()
      }
    })

    test.each(['closed', 'killed'] as const)(
      'opens a stream that was %s before, with no space at all, and nothing is lost',
      async (end) => {
        const disk = new SmallDisk('size=64m')
        const under = new Setting({
          data: join(disk.path, 'data'),
          to: join(new SmallDisk('size=64m').path, 'out.ndjson'),
          durability,
          workers,
        })
        const program = under.send({ pad: 1000, ...(end === 'closed' ? { count: 300 } : {}) })
        if (end === 'closed') {
          await under.ended(program)
        } else {
          await program.lines(100 + Math.floor(Math.random() * 200))
          await under.killed(program)
        }
        disk.fill()
        for (let opening = 0; opening < 3; opening++) {
          const stream = await under.open()
          await stream.drain({ timeout: 20_000 })
          // What it holds already is enough for more: of a known shape.
          await stream.send({ id: 900_000 + opening, key: 'key1', pad: '' })
          under.receipts.push(900_000 + opening)
          await stream.close()
        }
        disk.free()
        await under.expectNothingLost()
      },
    )

    test('refuses messages of a new shape only, and takes them later', async () => {
      const disk = new SmallDisk('size=64m')
      const under = new Setting({ data: join(disk.path, 'data'), durability, workers })
      const stream = await under.open()
      onTestFinished(() => stream.close({ timeout: 0 }).catch(() => {}))
      const send = async (id: number, more: object = {}): Promise<void> => {
        await stream.send({ id, key: `key${id % 8}`, pad: '', ...more })
        under.receipts.push(id)
      }
      await send(1)
      disk.fill()
      for (let id = 100; id < 110; id++) {
        const refused = await send(id, { [`new${id}`]: 1 }).catch((error: unknown) => error)
        expect(refused).toMatchObject({ name: 'SemelError', code: 'SEMEL_NO_SPACE' })
        expect((refused as Error).message).toMatch(noSpace)
        await send(id + 100)
      }
      disk.free()
      for (let id = 100; id < 110; id++) await send(id, { [`new${id}`]: 1 })
      await stream.drain({ timeout: 10_000 })
      expect(stream.counters()).toMatchObject({ stored: 21, processed: 21 })
      await stream.close()
      await under.expectNothingLost()
    })
  })

  test.each([
    ['ring', { ring: '1GiB', segment: '1GiB' }, 'journal.new'],
    ['segment', { segment: '1GiB' }, 'ack-0000000000000001.log.new'],
  ])('is told where the largest %s does not fit', async (_, more, name) => {
    const disk = new SmallDisk('size=8m')
    const data = join(disk.path, 'data')
    const under = new Setting({ data, to: join(scratch(), 'out.ndjson') })
    await expect(under.open(more)).rejects.toThrow(
      `cannot reserve space for ${data}/shard-0/${name}: No space left on device; free space on its disk`,
    )
    // Nothing is left that would be in the way of one that fits.
    await (await new Setting({ data: join(disk.path, 'b'), to: under.to }).open()).close()
  })

  test('is told from a directory that could be made', async () => {
    const disk = new SmallDisk('size=64k')
    const data = join(disk.path, 'data')
    mkdirSync(data)
    const under = new Setting({ data, to: join(scratch(), 'out.ndjson') })
    await expect(under.open()).rejects.toThrow(
      `cannot reserve space for ${data}/shard-0/journal.new: No space left on device; free space on its disk`,
    )
  })
})
