import { existsSync, readFileSync } from 'node:fs'
import { memoryPartitions } from 'semel/testing'
import { expect, it } from 'vitest'
import { fixture, opened, scratch, small, until } from '../runtime/verbs.js'

interface Row {
  readonly id: string
  readonly key: string
  readonly does?: 'hang' | 'kill'
}

const lines = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []

it.each([['hang'], ['kill']] as const)(
  'worker threads give up what has no time left, where a handler can %s',
  { timeout: 60_000 },
  async (does) => {
    const dir = scratch()
    const to = `${dir}/out`
    const group = memoryPartitions<Row>({ batch: 5 })
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) {
      for (let i = 0; i < 60; i++) {
        group.put(name, { id: `${name}${i}`, key: `${name}${i % 5}`, ...(i === 17 && { does }) })
      }
    }
    const stream = await opened<Row>(fixture('partitions.pipeline', { to }), {
      ...small,
      dir: `${dir}/stream`,
      workers: 2,
      shards: 4,
      durability: 'process',
    })
    const read = stream.consume(group.member())
    if (does === 'hang') await until(() => names.every((name) => existsSync(`${to}.${name}17`)))
    const moved = names.map((name, i) =>
      group.move(name, i % 2 === 0 ? { withinMs: 30 } : { lost: true }),
    )
    await Promise.all(moved)
    group.end()
    await read
    await stream.drain()
    await stream.close()
    const took = lines(to)
    const all = names.flatMap((name) => Array.from({ length: 60 }, (_, i) => `${name}${i}`))
    if (does === 'hang') {
      expect(took.toSorted()).toEqual(all.toSorted())
      expect(lines(`${to}.given-up`)).toHaveLength(4)
    }
    // A thread that dies between an effect and its commit has it again.
    else expect([...new Set(took)].toSorted()).toEqual(all.toSorted())
    for (const name of names) {
      const own = [...new Set(took.filter((one) => one.startsWith(`${name}`)))]
      for (let key = 0; key < 5; key++) {
        const inOrder = own.map((one) => Number(one.slice(1))).filter((i) => i % 5 === key)
        expect(inOrder).toEqual(inOrder.toSorted((x, y) => x - y))
      }
    }
    expect(group.violations).toEqual([])
  },
)
