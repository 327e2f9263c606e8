import { rmSync } from 'node:fs'
import { file, open, outputs, pipeline } from 'semel'
import { describe, expect, test } from 'vitest'
import { numbered, range, readAll, readSome, setting } from './read.js'
import {
  expectBalanced,
  next,
  opened,
  pushAll,
  scratch,
  small,
  startScript,
  until,
} from './verbs.js'

const openings = [
  ['inline', 0],
  ['with workers', 2],
] as const

describe.each(openings)('a loop over outputs, %s,', (_, workers) => {
  test('is given each of them, in the order of its key', async () => {
    const stream = await setting(workers, { waiting: 7 }, { shards: 4 }).open()
    const read: { n: number; key: number }[] = []
    const reading = (async () => {
      for await (const one of stream.outputs()) read.push(one)
    })()
    await pushAll(stream, numbered(0, 1000, 5))
    await stream.drain()
    await stream.close()
    await reading
    expect(read.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(range(0, 1000))
    for (const key of range(0, 5)) {
      const own = read.filter((one) => one.key === key).map(({ n }) => n)
      expect(own).toEqual(own.toSorted((a, b) => a - b))
    }
  })

  test('commits an output by asking for the next one', async () => {
    const stream = await setting(workers).open()
    await pushAll(stream, numbered(0, 10))
    const loop = stream.outputs()
    for (const n of range(0, 4)) expect((await loop.next()).value?.n).toBe(n)
    await until(() => stream.counters().processed === 3)
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    expect(stream.counters()).toMatchObject({ processed: 3, inFlight: 7 })
    expectBalanced(stream.counters())
    await loop.return?.()
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  test('is given each once, however slowly it takes them', async () => {
    const stream = await setting(workers, { waiting: 7 }).open()
    await pushAll(stream, numbered(0, 30))
    const read: number[] = []
    for await (const { n } of stream.outputs()) {
      read.push(n)
      // Each is told, and committed, alone, while others wait.
      await new Promise((resolve) => {
        setTimeout(resolve, 2)
      })
      if (read.length === 30) break
    }
    expect(read).toEqual(range(0, 30))
  })

  test('at most once has done with an output when it is given', async () => {
    const stream = await setting(workers, { delivery: 'at-most-once' }).open()
    await pushAll(stream, numbered(0, 10))
    expect(await readSome(stream, 4)).toEqual(range(0, 4))
    expect(await readSome(stream, 6)).toEqual(range(4, 10))
    await until(() => stream.counters().processed === 10)
  })

  test('leaves its last output to the next loop where it breaks or throws', async () => {
    const stream = await setting(workers).open()
    await pushAll(stream, numbered(0, 10))
    expect(await readSome(stream, 4)).toEqual(range(0, 4))
    const failing = async (): Promise<void> => {
      for await (const { n } of stream.outputs()) if (n === 5) throw new Error(`not ${n}`)
    }
    await expect(failing()).rejects.toThrow('not 5')
    expect(await readSome(stream, 5)).toEqual(range(5, 10))
  })

  test('leaves its last output to the next opening, which is soon to be had', async () => {
    const { open: reopen } = setting(workers, {}, { shards: 1 })
    const first = await reopen()
    await pushAll(first, numbered(0, 100))
    expect(await readSome(first, 40)).toEqual(range(0, 40))
    const before = performance.now()
    await first.close()
    expect(performance.now() - before).toBeLessThan(5000)
    const second = await reopen()
    expect(second.counters()).toMatchObject({ processed: 39, inFlight: 61 })
    expect(await readSome(second, 61)).toEqual(range(39, 100))
  })

  test('ends by itself behind a close, with all that was in flight', async () => {
    const { open: reopen } = setting(workers)
    const stream = await reopen()
    await pushAll(stream, numbered(0, 300))
    const reading = readAll(stream)
    await stream.close()
    expect(await reading).toHaveLength(300)
    expect(stream.counters()).toMatchObject({ processed: 300, inFlight: 0 })
    expect(await readAll(stream)).toEqual([])
    const again = await reopen()
    const idle = readAll(again)
    await again.close()
    expect(await idle).toEqual([])
  })

  test('that closes the stream in its body has the output again', async () => {
    const { open: reopen } = setting(workers)
    const stream = await reopen()
    await pushAll(stream, numbered(0, 5))
    const read: number[] = []
    for await (const { n } of stream.outputs()) {
      read.push(n)
      if (n === 2) await stream.close({ timeout: 100 })
    }
    expect(read).toEqual([0, 1, 2])
    expect(await readSome(await reopen(), 3)).toEqual([2, 3, 4])
  })

  test('hears its signal', async () => {
    const stream = await setting(workers).open()
    await pushAll(stream, numbered(0, 3))
    const abort = new AbortController()
    const read: number[] = []
    const reading = (async () => {
      for await (const { n } of stream.outputs({ signal: abort.signal })) read.push(n)
    })()
    await until(() => read.length === 3)
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    // It had asked for the next one.
    await until(() => stream.counters().processed === 3)
    await expect(stream.outputs({ signal: abort.signal }).next()).rejects.toThrow('enough')
    await pushAll(stream, numbered(3, 4))
    expect(await readSome(stream, 1)).toEqual([3])
  })

  test('whose signal is given in its body has the output again', async () => {
    const stream = await setting(workers).open()
    await pushAll(stream, numbered(0, 3))
    const abort = new AbortController()
    const reading = (async () => {
      for await (const { n } of stream.outputs({ signal: abort.signal })) {
        if (n === 1) abort.abort(new Error('enough'))
      }
    })()
    await expect(reading).rejects.toThrow('enough')
    expect(await readSome(stream, 2)).toEqual([1, 2])
  })

  test('goes alone: a second one is refused until it has ended', async () => {
    const stream = await setting(workers).open()
    await pushAll(stream, numbered(0, 4))
    const first = stream.outputs()
    expect((await first.next()).value?.n).toBe(0)
    await expect(readSome(stream, 1)).rejects.toMatchObject({
      code: 'SEMEL_BUSY',
      retriable: true,
      message: 'outputs: another loop reads the outputs of this stream; end that one first',
    })
    expect((await first.next()).value?.n).toBe(1)
    await first.return?.()
    expect(await readSome(stream, 3)).toEqual([1, 2, 3])
  })

  test('gives several that are asked for at once in turn, and ends while one waits', async () => {
    const stream = await setting(workers).open()
    const loop = stream.outputs()
    const asked = [loop.next(), loop.next(), loop.next()]
    await pushAll(stream, numbered(0, 2))
    expect((await asked[0])?.value?.n).toBe(0)
    expect((await asked[1])?.value?.n).toBe(1)
    expect(await loop.return?.()).toEqual({ done: true, value: undefined })
    expect(await asked[2]).toEqual({ done: true, value: undefined })
    await until(() => stream.counters().processed === 2)
  })

  test('holds its shards back where there is none, and they say so', async () => {
    const stream = await setting(workers, { waiting: 4 }).open()
    const stalled = next<{ shard: number; reason: string }>(stream, 'stalled')
    let pushed = 0
    // What a worker has taken out of the ring makes room again, up to its own bound.
    for (let waits = 0; waits < 3; waits++) {
      while (stream.push({ n: pushed, key: 0 })) pushed += 1
      await stream.ready({ timeout: 50 }).catch(() => {})
    }
    expect(pushed).toBeLessThan(10_000)
    await expect(stream.drain({ timeout: 300 })).rejects.toMatchObject({
      code: 'SEMEL_TIMEOUT',
      message: expect.stringContaining('its outputs wait for a loop over stream.outputs()'),
    })
    expect(await stalled).toMatchObject({ shard: 0, reason: 'outputs' })
    expect(await readSome(stream, pushed)).toEqual(range(0, pushed))
  })

  test('has again, behind a kill, what was not asked beyond', async () => {
    const { program, open: reopen } = setting(workers)
    const { signal } = await startScript(`${program}
      for (let n = 0; n < 20; n++) stream.push({ n, key: 0 })
      let given = 0
      for await (const _ of stream.outputs()) {
        given += 1
        if (given < 8) continue
        setInterval(() => {
          if (stream.counters().processed === 7) process.kill(process.pid, 'SIGKILL')
        }, 1)
        await new Promise(() => {})
      }
    `).ended
    expect(signal).toBe('SIGKILL')
    expect(await readSome(await reopen(), 13)).toEqual(range(7, 20))
  })

  test('commits a message when all of its outputs are taken', async () => {
    const { open: reopen } = setting(workers, { each: 3 })
    const stream = await reopen()
    await pushAll(stream, numbered(0, 4))
    expect(await readSome(stream, 6)).toEqual([0, 0, 0, 1, 1, 1])
    expect(await readSome(stream, 2)).toEqual([1, 2])
    await stream.close()
    expect(stream.counters()).toMatchObject({ processed: 2, inFlight: 2 })
    expect(await readSome(await reopen(), 6)).toEqual([2, 2, 2, 3, 3, 3])
  })

  test('has the outputs of all classes', async () => {
    const stream = await setting(workers, { delivery: 'classes' }).open()
    await pushAll(stream, numbered(0, 100))
    const read = await readSome(stream, 100)
    expect(read.toSorted((a, b) => a - b)).toEqual(range(0, 100))
    await stream.close()
    expect(await readAll(stream)).toEqual([])
  })

  test('throws why the stream can not go on', async () => {
    const { open: reopen, dir } = setting(workers)
    const stream = await reopen()
    const reading = readAll(stream)
    await pushAll(stream, numbered(0, 1))
    await stream.drain()
    rmSync(dir, { recursive: true })
    await expect(reading).rejects.toMatchObject({ code: 'SEMEL_POISONED' })
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'SEMEL_POISONED' })
  })
})

describe('with a worker', () => {
  test.each([[1], [5], [99]])(
    'of whose death %i outputs of 99 were given, those not asked beyond come again',
    async (given) => {
      const stream = await setting(1, { die: 99 }, { shards: 1 }).open()
      await pushAll(stream, numbered(0, 99))
      expect(await readSome(stream, given)).toEqual(range(0, given))
      await until(() => stream.counters().processed === given - 1)
      const replaced = next(stream, 'worker-replaced')
      await pushAll(stream, numbered(99, 100))
      await replaced
      expect(await readSome(stream, 101 - given)).toEqual(range(given - 1, 100))
    },
  )

  test('an output that has no clone is a dead letter, and the others come', async () => {
    const stream = await setting(1, { unfit: 5 }).open()
    const letter = next<{ error: string }>(stream, 'dead-letter')
    await pushAll(stream, numbered(0, 10))
    expect(await readSome(stream, 9)).toEqual([...range(0, 5), ...range(6, 10)])
    expect((await letter).error).toMatch(
      /^the output can't be taken to the thread that reads it: .*; put out plain data$/,
    )
  })
})

describe('a pipeline', () => {
  test('whose sink is another has no loop', async () => {
    const definition = pipeline('plain')
      .accepts<number>()
      .deliver('at-most-once')
      .to(file(`${scratch()}/out.ndjson`))
    const stream = await opened(definition, { workers: 0 })
    expect(() => (stream as never as { outputs(): unknown }).outputs()).toThrow(
      /^outputs: the outputs of plain go to its sink file\(.*\); end the pipeline with \.to\(outputs\(\)\) to read them here$/,
    )
  })

  test('that is read is refused under exactly-once, by the opener too', async () => {
    const known = { id: (n: number) => n, window: '1h' } as const
    const once = pipeline('once').accepts<number>().deliver('exactly-once', known)
    const why =
      'the sink outputs is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })'
    expect(() => once.to(outputs() as never)).toThrow(`to: ${why}`)
    const least = pipeline('least').accepts<number>().deliver('at-least-once', known).to(outputs())
    await expect(
      open(least, { ...small, dir: scratch(), workers: 0, delivery: 'exactly-once' }),
    ).rejects.toThrow(`open: ${why}`)
  })

  test('refuses what is no option', () => {
    expect(() => outputs({ waitingMax: 0 })).toThrow('outputs.waitingMax: 0 is out of bounds')
    expect(() => outputs({ ahead: 1 } as never)).toThrow('there is no option "ahead"')
  })
})

test('a loop that waits keeps its process, and one that has ended does not', async () => {
  const { code, stdout, stderr } = await startScript(`
    import { open, outputs, pipeline } from 'semel'
    const stream = await open(pipeline('p').accepts().deliver('at-most-once').to(outputs()), { workers: 0 })
    setTimeout(() => stream.push({ n: 1 }), 100).unref()
    for await (const output of stream.outputs()) {
      console.log(output.n)
      break
    }
  `).ended
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '1\n', stderr: '' })
})
