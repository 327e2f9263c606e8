import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import {
  memoryTransactional,
  type MemoryTransactional,
  type TransactionalFault,
} from 'semel/testing'
import { expectBalanced, opened, scratch } from '../runtime/verbs.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'transactional-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Order {
  readonly id: number
  /** Its handler ends the thread that it runs on, the first time. */
  readonly deadly?: true
}

function pipelineInto({ address }: MemoryTransactional): URL {
  const module = join(mkdtempSync(join(folder, 'orders-')), 'orders.pipeline.js')
  const died = join(folder, `died-${Math.random()}`)
  writeFileSync(
    module,
    `import { existsSync, writeFileSync } from 'node:fs'
import { pipeline } from 'semel'
import { transactionalSink } from 'semel/testing'
export default pipeline('orders')
  .accepts()
  .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
  .map((order) => {
    if (order.deadly && !existsSync(${JSON.stringify(died)})) {
      writeFileSync(${JSON.stringify(died)}, '')
      process.exit()
    }
    return order
  })
  .to(transactionalSink(${JSON.stringify(address)}))
`,
  )
  return pathToFileURL(module)
}

/** A store whose first commit meets the fault. */
async function storeWith(fault: TransactionalFault): Promise<MemoryTransactional> {
  let isMet = false
  const store = await memoryTransactional({
    fault: ({ name }) => {
      if (name !== 'commit' || isMet) return undefined
      isMet = true
      return fault
    },
  })
  onTestFinished(() => store.close())
  return store
}

test.each(['process', 'disk'] as const)(
  'at %s, what a dead worker had committed is not committed again, and its result is lost',
  async (durability) => {
    // It is done, and nobody hears of it.
    const store = await storeWith('hang')
    const stream = await opened<Order>(pipelineInto(store), {
      dir: scratch(),
      workers: 1,
      durability,
      acknowledge: 'processed',
    })
    const first = stream.send({ id: 1 })
    while (store.outputs().length === 0) await new Promise(setImmediate)
    const second = stream.send({ id: 2, deadly: true })
    expect(await first).toMatchObject({
      outcome: 'processed',
      error: { code: 'SEMEL_RESULT', message: expect.stringContaining('its worker died') },
    })
    expect(await second).toMatchObject({ outcome: 'processed' })
    expect(store.outputs()).toEqual([{ id: 1 }, { id: 2, deadly: true }])
    expect(store.violations).toEqual([])
    expect(await stream.send({ id: 1 })).toMatchObject({ outcome: 'duplicate' })
    expectBalanced(stream.counters())
  },
)

test('what a dead worker had sent and the store has not is committed by the next one', async () => {
  // It is in a socket when the next worker begins, and is refused by its epoch.
  const store = await storeWith('late')
  const stream = await opened<Order>(pipelineInto(store), {
    dir: scratch(),
    workers: 1,
    durability: 'process',
    acknowledge: 'processed',
  })
  const ends = [
    stream.send({ id: 1 }),
    stream.send({ id: 2, deadly: true }),
    stream.send({ id: 3 }),
  ]
  expect((await Promise.all(ends)).map(({ outcome }) => outcome)).toEqual(
    Array.from({ length: 3 }, () => 'processed'),
  )
  const ids = store.outputs().map((order) => (order as Order).id)
  expect(ids.toSorted()).toEqual([1, 2, 3])
  expect(store.violations).toEqual([])
})
