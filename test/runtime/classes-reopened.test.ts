import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource, memory, open, pipeline } from 'semel'
import { describe, expect, test } from 'vitest'
import { moves, type Move } from '../fixtures/moves.js'
import { cursors, definition, inline, orders } from './classed.js'
import { fixture, next, opened, outputs, scratch, small, startScript } from './verbs.js'

const sent = moves(0, 300)

describe('a stream with classes, opened again', () => {
  test.each([0, 2])('each class keeps its word through kill -9 (%i workers)', async (workers) => {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const data = join(dir, 'data')
    const url = fixture('moves.pipeline', { to }).href
    const options = { ...small, dir: data, durability: 'process', shards: 2, workers } as const
    const all = moves(0, 30_000)
    const input = join(dir, 'moves.ndjson')
    writeFileSync(input, all.map((move) => `${JSON.stringify(move)}\n`).join(''))
    for (const after of [400, 4000]) {
      const program = startScript(`
        import { fileSource, open } from 'semel'
        const stream = await open(new URL(${JSON.stringify(url)}), ${JSON.stringify(options)})
        const die = () => process.kill(process.pid, 'SIGKILL')
        stream.consume(fileSource([${JSON.stringify(input)}])).then(die)
        setInterval(() => {
          if (stream.counters().processed - stream.opened.processed >= ${after}) die()
        }, 0)`)
      await program.ended
    }
    const stream = await open<Move>(new URL(url), options)
    await stream.consume(fileSource<Move>([input]))
    await stream.drain()
    await stream.close()
    const found = outputs<Move>(to, 4)
    expect(
      orders(found)
        .map(({ id }) => id)
        .toSorted((a, b) => a - b),
    ).toEqual(orders(all).map(({ id }) => id))
    const once = cursors(found).map(({ id }) => id)
    expect(new Set(once).size).toBe(once.length)
  })

  test('a worker that dies takes down its class alone', async () => {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const stream = await opened<Move>(fixture('moves.pipeline', { to, die: 150 }), {
      ...small,
      dir: join(dir, 'data'),
      durability: 'process',
      workers: 1,
    })
    const replaced = next<{ worker: number }>(stream as never, 'worker-replaced')
    for (const move of sent) {
      while (!stream.push(move)) await stream.ready()
    }
    expect((await replaced).worker).toBe(0)
    await stream.drain({ timeout: 10_000 })
    const found = outputs<Move>(to, 2)
    expect(orders(found).map(({ id }) => id)).toEqual(orders(sent).map(({ id }) => id))
    expect(cursors(found).map(({ id }) => id)).toEqual(cursors(sent).map(({ id }) => id))
  })

  test('a directory of one kind is refused by the other, and so is one whose class is gone', async () => {
    const data = scratch()
    const options = { ...small, dir: data, durability: 'process', workers: 0 } as const
    const { stream } = await inline({ dir: data })
    await stream.close()
    const plain = pipeline('moves').accepts<Move>().deliver('at-least-once').to(memory())
    const error = (missing: string): string =>
      `${data}: it holds the messages of a class ${missing}, which the pipeline does not have: they would never be processed; keep the class until they are, or give another directory`
    await expect(open(plain, options)).rejects.toThrow(error('exactly-once'))
    const without = pipeline('moves')
      .accepts<Move>()
      .deliver(() => 'at-least-once', { 'at-least-once': {} })
      .to(memory())
    await expect(open(without, options)).rejects.toThrow(error('exactly-once'))

    const other = scratch()
    await (await open(plain, { ...options, dir: other })).close()
    await expect(open(definition(memory()), { ...options, dir: other })).rejects.toThrow(
      `${other}: it was made by a pipeline with one delivery, and this one chooses by a function of the message; open it as before until it is drained, and give another directory`,
    )
  })

  test('what one class can not open, the others do not hold', async () => {
    const data = scratch()
    mkdirSync(join(data, 'at-most-once'), { recursive: true })
    writeFileSync(join(data, 'at-most-once', 'foreign'), 'x')
    const blocked = { ...small, dir: data, durability: 'process', workers: 0 } as const
    writeFileSync(join(data, 'at-most-once', 'stream'), 'no stream')
    await expect(open(definition(memory()), blocked)).rejects.toThrow()
    // The first class has been closed again.
    const all = pipeline('moves')
      .accepts<Move>()
      .deliver(() => 'exactly-once', { 'exactly-once': { id: ({ id }) => id, window: '1h' } })
      .to(memory<Move>())
    const stream = await open(all, blocked)
    await stream.close()
  })
})
