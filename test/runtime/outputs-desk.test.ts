import { expect, test } from 'vitest'
import { OutputsDesk, type ShardOutputs } from '../../src/runtime/outputs/desk.js'
import { OutputsLoop } from '../../src/runtime/outputs/outputs-loop.js'

/** A desk of so many shards, and what each was told to be taken. */
function desk(shards: number) {
  const all = new OutputsDesk()
  all.open({ firstShard: 0, shards, waitingChanged: () => {} })
  const told: number[] = Array.from({ length: shards }, () => 0)
  const add = (shard: number): ShardOutputs =>
    all.add({
      shard,
      isDoneWhenGiven: false,
      tell: (count) => {
        told[shard] = (told[shard] ?? 0) + count
      },
      unread: () => {},
    })
  return { all, told, lists: told.map((_, shard) => add(shard)) }
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

async function next(loop: OutputsLoop<string>): Promise<string | undefined> {
  return (await loop.next()).value
}

test('shards have their turns, and a loop begins with what the one before had not done with', async () => {
  const { all, lists } = desk(2)
  const [a, b] = lists as [ShardOutputs, ShardOutputs]
  b.put(['b0', 'b1'], 0)
  const first = new OutputsLoop<string>(all, undefined)
  expect(await next(first)).toBe('b0')
  a.put(['a0', 'a1'], 0)
  await first.return()
  const second = new OutputsLoop<string>(all, undefined)
  expect([await next(second), await next(second), await next(second)]).toEqual(['b0', 'a0', 'b1'])
})

test('what is taken in a turn is told together', async () => {
  const { all, told, lists } = desk(1)
  lists[0]?.put(['0', '1', '2'], 0)
  const loop = new OutputsLoop<string>(all, undefined)
  for (const output of ['0', '1', '2']) expect(await next(loop)).toBe(output)
  expect(told).toEqual([0])
  await turn()
  expect(told).toEqual([2])
})

test('a shard is unread when nobody reads, and all that was taken is committed', async () => {
  const { all, lists } = desk(1)
  const [list] = lists as [ShardOutputs]
  list.put(['0', '1', '2'], 0)
  expect(all.isUnread(0)).toBe(true)
  const loop = new OutputsLoop<string>(all, undefined)
  await next(loop)
  await next(loop)
  expect(all.isUnread(0)).toBe(false)
  await loop.return()
  // It was taken, and not told yet.
  expect(all.isUnread(0)).toBe(false)
  await turn()
  list.put([], 0)
  expect(all.isUnread(0)).toBe(false)
  list.put([], 1)
  expect(all.isUnread(0)).toBe(true)
})

test('what a connection that is gone had handed over is given by the next one', async () => {
  const { all, lists } = desk(1)
  const loop = new OutputsLoop<string>(all, undefined)
  lists[0]?.put(['0', '1'], 0)
  expect(await next(loop)).toBe('0')
  lists[0]?.end()
  lists[0]?.put(['2'], 0)
  const again = all.add({
    shard: 0,
    isDoneWhenGiven: false,
    tell: () => {},
    unread: () => {},
  })
  again.put(['0', '1', '2'], 0)
  expect([await next(loop), await next(loop), await next(loop)]).toEqual(['0', '1', '2'])
})
