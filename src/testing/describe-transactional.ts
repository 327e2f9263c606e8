import type { RejectedOutputs, SinkContext } from '../core/sink.js'
import { sleep } from '../core/waiting/timers.js'
import type { CommitId, TransactionalConnection } from '../core/transactional.js'
import { Chain, heldOf, plainOf, positionsOf, type PlainHeld } from './transactional/chain.js'
import { drawLife } from './transactional/drawn-life.js'
import type { TransactionalFixture, TransactionalUnderTest } from './transactional/under-test.js'
import { testUnless, type Runner } from './runner.js'
import { positionAt } from './origin-of.js'

const position = positionAt(1)
const through = 1
const positions = positionsOf(1)

const contextOf = (pipeline: string, shard: number): SinkContext => ({
  pipeline,
  shard,
  shards: 3,
  epoch: 1,
  durability: 'disk',
})

const told = async (
  connection: Pick<TransactionalConnection<unknown>, 'last'>,
): Promise<PlainHeld | undefined> => plainOf(await connection.last())

const textOf = (one: unknown): string => JSON.stringify(one)

/**
 * The suite that every transactional sink passes.
 * @param runner of tests, such as `import * as vitest from 'vitest'`
 * @example
 * describeTransactionalSink(vitest, {
 *   name: 'orders',
 *   create,
 *   rejects: true,
 *   pipelines: { skip: 'one transaction at a time' },
 * })
 */
export function describeTransactionalSink(runner: Runner, under: TransactionalUnderTest): void {
  const { describe, test, beforeEach, afterEach, expect } = runner
  const output = under.output ?? ((id: number): unknown => ({ id, text: `“${id}”` }))

  describe(`transactional sink ${under.name}`, () => {
    let fixture: TransactionalFixture
    const open: TransactionalConnection<unknown>[] = []
    beforeEach(async () => {
      fixture = await under.create()
    })
    afterEach(async () => {
      for (const connection of open.splice(0)) await connection.close()
      await fixture.dispose?.()
    })

    async function connect(
      pipeline = 'test',
      shard = 0,
    ): Promise<TransactionalConnection<unknown>> {
      const connection = await fixture.sink.connect(contextOf(pipeline, shard))
      open.push(connection as TransactionalConnection<unknown>)
      return connection as TransactionalConnection<unknown>
    }

    /** A connection that has begun, and makes a chain of commits. */
    async function begun(lineage = 'A', pipeline = 'test', shard = 0): Promise<Chain> {
      const connection = await connect(pipeline, shard)
      return new Chain(connection, lineage, await connection.begin(lineage), output)
    }

    async function expectHeld(ids: readonly number[]): Promise<void> {
      const seen = (await fixture.read()).map(textOf).toSorted()
      expect(seen).toEqual(ids.map(output).map(textOf).toSorted())
    }

    test('is a frozen definition with a name', async () => {
      expect(Object.isFrozen(fixture.sink)).toBe(true)
      expect(fixture.sink.name).not.toBe('')
      expect(fixture.sink.kind).toBe('transactional')
      const { commitsMax = 1 } = await connect()
      expect(commitsMax).toBeGreaterThanOrEqual(1)
    })

    test('gives an epoch that grows, through every connection and after a close', async () => {
      const epochs: number[] = []
      const [first, second] = [await connect(), await connect()]
      for (const connection of [first, second, first]) {
        epochs.push((await connection.begin('A')).epoch)
      }
      await first.close()
      epochs.push((await (await connect()).begin('A')).epoch)
      for (const [at, epoch] of epochs.entries()) {
        expect(Number.isSafeInteger(epoch)).toBe(true)
        expect(epoch).toBeGreaterThan(epochs[at - 1] ?? 0)
      }
    })

    test('tells of no commit where there is none', async () => {
      const connection = await connect()
      expect(await connection.last()).toBe(undefined)
      expect((await connection.begin('A')).last).toBe(undefined)
      expect((await connection.begin('B')).last).toBe(undefined)
      expect(await connection.last()).toBe(undefined)
      await expectHeld([])
    })

    test('takes outputs and id in one', async () => {
      const chain = await begun()
      const id = await chain.commit([1, 2])
      expect(await told(chain.connection)).toEqual(heldOf(id))
      await expectHeld([1, 2])
      const next = await begun()
      expect(next.begun.last).toEqual(id)
    })

    test('keeps beside the id what a commit tells for those who go on from the sink alone', async () => {
      const chain = await begun()
      // Of a chain as long as this all lengths of positions come by, and the shorter behind the longer.
      for (let n = 1; n <= 8; n++) {
        const id = await chain.commit([n])
        expect(await told(chain.connection)).toEqual(heldOf(id))
      }
      await chain.connection.close()
      expect(await told(await connect())).toEqual(heldOf(chain.parent))
    })

    test('takes a chain of commits, over connections and epochs', async () => {
      const ids: number[] = []
      let last: CommitId | undefined
      for (let life = 0; life < 4; life++) {
        const chain = await begun()
        expect(chain.begun.last).toEqual(last)
        for (let i = 0; i < 3; i++) {
          ids.push(ids.length)
          last = await chain.commit([ids.length - 1])
        }
        await chain.connection.close()
      }
      await expectHeld(ids)
    })

    test('takes a commit without outputs, and one with many', async () => {
      const chain = await begun()
      const empty = await chain.commit([])
      expect(await told(chain.connection)).toEqual(heldOf(empty))
      const many = Array.from({ length: 3000 }, (_, at) => at)
      await chain.commit(many)
      const last = await chain.commit([])
      expect(await told(chain.connection)).toEqual(heldOf(last))
      await expectHeld(many)
    })

    test('refuses a parent that it does not hold, and changes nothing', async () => {
      const chain = await begun()
      const first = await chain.commit([1])
      const second = await chain.commit([2])
      const { lineage, epoch, n } = second
      for (const parent of [
        undefined,
        first,
        { lineage, epoch, n: n + 1 },
        { lineage, epoch: epoch + 1, n },
        { lineage: 'B', epoch, n },
      ]) {
        await chain.refused([3], { id: { lineage, epoch, n: n + 1 }, parent, through, positions })
        expect(await told(chain.connection)).toEqual(heldOf(second))
      }
      await chain.commit([4])
      await expectHeld([1, 2, 4])
    })

    test('refuses a first commit that names a parent', async () => {
      const chain = await begun()
      const parent = { lineage: 'A', epoch: chain.begun.epoch, n: 1 }
      await chain.refused([1], { id: { ...parent, n: 2 }, parent, through, positions })
      expect(await chain.connection.last()).toBe(undefined)
      await chain.commit([2])
      await expectHeld([2])
    })

    test('refuses an older epoch, and goes on with the newest', async () => {
      const old = await begun()
      await old.commit([1])
      const newer = await begun()
      await old.refused([2])
      await newer.commit([3])
      await old.refused([4])
      // Raising it again is the way back.
      const again = await begun()
      await newer.refused([5])
      await again.commit([6])
      await expectHeld([1, 3, 6])
    })

    test('refuses an older epoch where nothing was ever committed', async () => {
      const [old, newer] = [await begun('A'), await begun('B')]
      await old.refused([1])
      await newer.commit([2])
      await expectHeld([2])
    })

    test('refuses the same commit a second time', async () => {
      const chain = await begun()
      const commit = chain.next()
      await chain.send([1], commit)
      await chain.refused([1], commit)
      chain.parent = commit.id
      await chain.commit([2])
      await chain.refused([1], commit)
      await expectHeld([1, 2])
    })

    testUnless(
      runner,
      under.rejects,
      'takes nothing of a commit with a refused output',
      async () => {
        const { output: bad } = fixture.refused as { output: unknown }
        const chain = await begun()
        const first = await chain.commit([1])
        const values = [output(2), bad, output(3), bad]
        const thrown = await chain.sendValues(values, chain.next()).catch((error: unknown) => error)
        expect((thrown as Error).name).toBe('RejectedOutputs')
        const { rejected, written } = thrown as RejectedOutputs
        expect(written).toBe(0)
        expect([...rejected.keys()].toSorted()).toEqual([1, 3])
        for (const reason of rejected.values()) expect(reason.message).not.toBe('')
        expect(await told(chain.connection)).toEqual(heldOf(first))
        await expectHeld([1])
        // Another id on the same parent, without them.
        chain.skip()
        await chain.commit([2, 3])
        await expectHeld([1, 2, 3])
      },
    )

    test('keeps shards and pipelines apart', async () => {
      const chains = [
        await begun('A', 'test', 0),
        await begun('B', 'test', 1),
        await begun('C', 'other', 0),
        // Names that would be one if they were put together carelessly.
        await begun('D', 'other-1', 1),
        await begun('E', 'other', 11),
        await begun('F', 'Öther “\u{1f680}”', 0),
      ]
      for (const round of [0, 10]) {
        for (const [at, chain] of chains.entries()) await chain.commit([round + at])
      }
      for (const { connection, parent } of chains)
        expect(await told(connection)).toEqual(heldOf(parent))
      await expectHeld([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15])
    })

    test('tells another lineage of the commit, and raises nothing for it', async () => {
      const own = await begun('A')
      const last = await own.commit([1])
      const other = await begun('B')
      expect(other.begun.last).toEqual(last)
      await own.commit([2])
      await expectHeld([1, 2])
    })

    test('looks without raising the epoch', async () => {
      const chain = await begun()
      await chain.commit([1])
      const looker = await connect()
      for (let i = 0; i < 3; i++) {
        expect(await told(looker)).toEqual(heldOf(chain.parent))
        await chain.commit([])
      }
      expect(await told(looker)).toEqual(heldOf(chain.parent))
    })

    test('lets no commit land that was sent before a begin was answered', async () => {
      for (let round = 0; round < 20; round++) {
        const chain = await begun()
        const newer = await connect()
        const sent = chain.send([round], chain.next()).then(
          () => true,
          () => false,
        )
        // Closed under it, nobody hears of it any more, and it may still come.
        if (round % 2 === 1) await chain.connection.close()
        const { last } = await newer.begin('A')
        const isIn = await sent
        if (round % 2 === 1) await sleep(5)
        expect(await told(newer)).toEqual(heldOf(last))
        if (isIn) expect(last?.epoch).toBe(chain.begun.epoch)
        const seen = await fixture.read()
        expect(seen.some((one) => textOf(one) === textOf(output(round)))).toBe(
          last?.epoch === chain.begun.epoch,
        )
        await chain.connection.close()
        await newer.close()
      }
    })

    testUnless(runner, under.pipelines, 'answers commits under way in their order', async () => {
      const chain = await begun()
      const most = chain.connection.commitsMax ?? 1
      expect(most).toBeGreaterThan(1)
      const answered: number[] = []
      for (let round = 0; round < 5; round++) {
        const sent = Array.from({ length: most }, (_, at) =>
          chain.commit([round * most + at]).then(() => answered.push(round * most + at)),
        )
        await Promise.all(sent)
      }
      const all = Array.from({ length: 5 * most }, (_, at) => at)
      expect(answered).toEqual(all)
      await expectHeld(all)
    })

    testUnless(runner, under.pipelines, 'refuses what is behind a failed commit', async () => {
      const chain = await begun()
      const answered: string[] = []
      const { id } = chain.next()
      const wrong = { ...chain.next(), parent: { ...id, n: id.n + 7 } }
      const note = (name: string, sent: Promise<unknown>): Promise<unknown> =>
        sent.then(
          () => answered.push(`${name} in`),
          (error: Error) => answered.push(`${name} ${error.name}`),
        )
      chain.parent = id
      await Promise.all([note('first', chain.send([1], wrong)), note('second', chain.commit([2]))])
      expect(answered).toEqual(['first CommitRefused', 'second CommitRefused'])
      expect(await chain.connection.last()).toBe(undefined)
      await expectHeld([])
      if (under.rejects !== true) return
      const { output: bad } = fixture.refused as { output: unknown }
      const rejected = await begun()
      const commit = rejected.next()
      rejected.parent = commit.id
      rejected.skip()
      await Promise.all([
        note('third', rejected.sendValues([output(3), bad], commit)),
        note('fourth', rejected.commit([4])),
      ])
      expect(answered.slice(2)).toEqual(['third RejectedOutputs', 'fourth CommitRefused'])
      await expectHeld([])
    })

    test('writes outputs without a commit', async () => {
      const chain = await begun()
      const id = await chain.commit([1])
      await chain.connection.write([output(2), output(3)], position)
      await chain.connection.write([], position)
      await chain.connection.flush?.()
      expect(await told(chain.connection)).toEqual(heldOf(id))
      await chain.commit([4])
      await expectHeld([1, 2, 3, 4])
    })

    testUnless(runner, under.rejects, 'names refused outputs of a write', async () => {
      const { output: bad } = fixture.refused as { output: unknown }
      const connection = await connect()
      const values = [output(1), bad, output(2)]
      const thrown = await Promise.resolve()
        .then(() => connection.write(values, position))
        .catch((error: unknown) => error)
      expect((thrown as Error).name).toBe('RejectedOutputs')
      const { rejected, written } = thrown as RejectedOutputs
      expect([...rejected.keys()]).toEqual([1])
      await expectHeld([1].slice(0, written))
      await connection.write(
        values.filter((_, at) => at >= written && at !== 1),
        position,
      )
      await expectHeld([1, 2])
    })

    test('closes twice, and refuses calls from then on', async () => {
      const chain = await begun()
      await chain.connection.close()
      await chain.connection.close()
      await expect(chain.commit([1])).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
      const write = async (): Promise<void> => chain.connection.write([output(1)], position)
      await expect(write()).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
      await expectHeld([])
    })

    for (let life = 0; life < (under.lives ?? 20); life++) {
      test(`does in a drawn life what a model does (${life})`, async () => {
        const bad = under.rejects === true ? (fixture.refused as { output: unknown }) : undefined
        const { held, differences } = await drawLife(`life ${life}`, {
          connect: () => connect(),
          output,
          bad,
        })
        expect(differences).toEqual([])
        await expectHeld(held)
      })
    }
  })
}
