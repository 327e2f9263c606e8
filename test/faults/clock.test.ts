import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { fixture, scratch, small, start } from '../runtime/verbs.js'

const hourMs = 3_600_000

const shim = ((): { path: string; missing?: string } => {
  const source = fileURLToPath(new URL('../fixtures/faults/shifted-clock.c', import.meta.url))
  const dir = mkdtempSync(join(tmpdir(), 'semel-clock-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'shifted-clock.so')
  try {
    execFileSync('g++', ['-x', 'c', '-shared', '-fPIC', '-O1', '-o', path, source], {
      stdio: 'pipe',
    })
    return { path }
  } catch (error) {
    return { path, missing: `shifting a program's clocks needs g++: ${String(error)}` }
  }
})()

interface Setting {
  readonly durability?: unknown
  readonly workers?: number
  readonly window?: string
  readonly wait?: number
}

/**
 * Runs a program whose clocks can be shifted, and gives what it `tell`s. At hand are
 * - `shift(wallMs, sleptMs)`: from now on the wall clock is that far off, the machine has slept that long
 * - `opened()`: the stream; `send(id, fails)`; `sleep(ms)`; `ms(work)`: how long that took
 */
async function run(
  { durability = 'process', workers = 0, window = '1h', wait = 100 }: Setting,
  program: string,
): Promise<unknown[]> {
  const dir = scratch()
  const shifts = join(dir, 'shifts')
  writeFileSync(shifts, Buffer.alloc(16))
  const url = fixture('faults/clock.pipeline', { window, wait })
  const options = { ...small, dir: join(dir, 'data'), durability, workers }
  const text = `
    import { openSync, writeSync } from 'node:fs'
    import { open } from 'semel'
    const file = openSync(${JSON.stringify(shifts)}, 'r+')
    const shift = (wallMs, sleptMs = 0) => {
      const bytes = Buffer.alloc(16)
      bytes.writeBigInt64LE(BigInt(wallMs), 0)
      bytes.writeBigInt64LE(BigInt(sleptMs), 8)
      writeSync(file, bytes, 0, 16, 0)
    }
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    const opened = async () => (stream = await open(new URL(${JSON.stringify(url.href)}), ${JSON.stringify(options)}))
    const send = (id, fails = 0) => stream.send({ id, fails })
    const ms = async (work) => {
      const began = performance.now()
      await work()
      return performance.now() - began
    }
    const tell = (what) => console.log(JSON.stringify(what))
    const hour = ${hourMs}
    let stream
    ${program}
    await stream.close()`
  const { code, signal, stdout, stderr } = await start('env', [
    `LD_PRELOAD=${shim.path}`,
    `SEMEL_CLOCK_SHIFT=${shifts}`,
    process.execPath,
    '--input-type=module',
    '--eval',
    text,
  ]).ended
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)
}

const levels = [
  ['process', 0],
  ['disk', 2],
] as const

describe.skipIf(shim.missing !== undefined).each(levels)(
  `a clock that jumps${shim.missing ? ` (${shim.missing})` : ''}, at %s with %d workers`,
  (durability, workers) => {
    const at = { durability, workers }

    test('is shifted for the program, so that the tests below mean something', async () => {
      const [wall, monotonic] = (await run(
        at,
        `await opened()
         const before = [Date.now(), performance.now()]
         shift(-5 * hour)
         tell(Date.now() - before[0])
         tell(performance.now() - before[1])`,
      )) as [number, number]
      expect(wall).toBeLessThan(-4.9 * hourMs)
      expect(monotonic).toBeGreaterThanOrEqual(0)
      expect(monotonic).toBeLessThan(hourMs)
    })

    test('forgets no id early while the stream runs', async () => {
      const told = await run(
        at,
        `await opened()
         await send(1)
         for (const by of [5 * hour, -5 * hour, 240 * hour, 0]) {
           shift(by)
           await send(1)
           await stream.drain()
         }
         tell(stream.counters())`,
      )
      expect(told).toEqual([expect.objectContaining({ stored: 5, processed: 1, duplicate: 4 })])
    })

    test('forgets no id early when it is set back between two openings', async () => {
      const told = await run(
        at,
        `for (const by of [0, -5 * hour, -10 * hour, -5 * hour, 0]) {
           shift(by)
           await opened()
           await send(1)
           await stream.drain()
           tell(stream.counters().duplicate)
           await stream.close()
         }`,
      )
      expect(told).toEqual([0, 1, 2, 3, 4])
    })

    test('keeps no id longer than its window of the time that the stream runs', async () => {
      const told = await run(
        { ...at, window: '2s' },
        `await opened()
         await send(1)
         shift(-5 * hour)
         await sleep(1000)
         await send(1)
         await stream.drain()
         tell(stream.counters().processed)
         await stream.close()
         // Set back further: the time goes on from the newest message.
         shift(-10 * hour)
         await opened()
         await sleep(2500)
         await send(1)
         await stream.drain()
         tell(stream.counters().processed)`,
      )
      expect(told).toEqual([1, 2])
    })

    test('counts the time that the machine slept', async () => {
      const told = await run(
        { ...at, wait: hourMs },
        `await opened()
         await send(1)
         await send(2, 1)
         await sleep(50)
         tell(stream.counters().parked)
         shift(2 * hour, 2 * hour)
         // Ids are remembered as long as an older message is parked, which may be a copy.
         await stream.drain({ timeout: 2000 })
         await send(1)
         await stream.drain({ timeout: 2000 })
         tell(stream.counters())`,
      )
      // The id is forgotten, and the retry was due.
      expect(told).toEqual([1, expect.objectContaining({ processed: 3, parked: 0, duplicate: 0 })])
    })

    test.each([-5 * hourMs, 5 * hourMs, 240 * hourMs])(
      'by %d ms neither holds up a retry nor brings it early',
      async (by) => {
        const told = (await run(
          { ...at, wait: 700 },
          `await opened()
           await send(1, 1)
           while (stream.counters().parked === 0) await sleep(1)
           shift(${by})
           tell(await ms(() => stream.drain({ timeout: 5000 })))
           tell(await ms(async () => {
             await send(2, 2)
             await stream.drain({ timeout: 5000 })
           }))`,
        )) as number[]
        expect(told[0]).toBeGreaterThan(500)
        expect(told[0]).toBeLessThan(2000)
        expect(told[1]).toBeGreaterThan(1390)
        expect(told[1]).toBeLessThan(3000)
      },
    )

    test('set back between two openings holds up no retry for longer than its wait', async () => {
      const told = (await run(
        { ...at, wait: 800 },
        `await opened()
         await send(1, 2)
         while (stream.counters().parked === 0) await sleep(1)
         // The second attempt fails hours after the newest message.
         shift(0, 3 * hour)
         await sleep(300)
         tell(stream.counters().parked)
         await stream.close()
         shift(-5 * hour, 3 * hour)
         await opened()
         tell(await ms(() => stream.drain({ timeout: 5000 })))`,
      )) as number[]
      expect(told[0]).toBe(1)
      expect(told[1]).toBeGreaterThan(100)
      expect(told[1]).toBeLessThan(2500)
    })

    test('changes no timeout', async () => {
      const told = (await run(
        { ...at, wait: hourMs },
        `await opened()
         await send(1, 1)
         while (stream.counters().parked === 0) await sleep(1)
         for (const by of [5 * hour, -5 * hour]) {
           const waited = ms(() => stream.drain({ timeout: 400 }).catch(({ code }) => tell(code)))
           await sleep(50)
           shift(by)
           tell(await waited)
         }`,
      )) as [string, number, string, number]
      for (const [code, waited] of [told.slice(0, 2), told.slice(2)]) {
        expect(code).toBe('SEMEL_TIMEOUT')
        expect(waited).toBeGreaterThan(390)
        expect(waited).toBeLessThan(1500)
      }
    })
  },
)

test.skipIf(shim.missing !== undefined)(
  'a clock that jumps does not stop the syncs of an interval',
  async () => {
    const told = await run(
      { durability: { interval: 20 } },
      `await opened()
     for (const by of [5 * hour, -10 * hour, 0]) {
       shift(by)
       await send(by, 0)
       const { stored } = stream.counters()
       for (let waited = 0; waited < 1000 && stream.shardCounters()[0].durable < stored; waited++) await sleep(1)
       tell(stored - stream.shardCounters()[0].durable)
     }`,
    )
    expect(told).toEqual([0, 0, 0])
  },
)
