import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { open, type Stream } from 'semel'
import { drawnFaults, memoryTransactional, type MemoryTransactional } from 'semel/testing'
import { expectBalanced, scratch } from '../runtime/verbs.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'transactional-'))
afterAll(() => rmSync(folder, { recursive: true }))

const stores: MemoryTransactional[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

interface Order {
  readonly id: string
  readonly bad?: true
}

/** A pipeline whose module reaches the store from any thread. */
function pipelineInto({ address }: MemoryTransactional): URL {
  const module = join(mkdtempSync(join(folder, 'orders-')), 'orders.pipeline.js')
  writeFileSync(
    module,
    `import { fixed, pipeline } from 'semel'
import { transactionalSink } from 'semel/testing'
export default pipeline('orders')
  .accepts()
  .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
  .retry({ attempts: 8, backoff: fixed('2ms') })
  .to(transactionalSink(${JSON.stringify(address)}))
`,
  )
  return pathToFileURL(module)
}

/** Sends orders to a stream, each once and some twice, over three openings of its directory. */
async function live(
  store: MemoryTransactional,
  options: { readonly workers: number; readonly durability: 'process' | 'disk' },
): Promise<Stream<Order>> {
  const dir = join(scratch(), 'stream')
  const module = pipelineInto(store)
  let stream: Stream<Order> | undefined
  for (let life = 0; life < 3; life++) {
    stream = await open<Order>(module, { dir, shards: 2, ...options })
    for (let at = 0; at < 100; at++) {
      const id = `${life}-${at}`
      const order: Order = at % 25 === 7 ? { id, bad: true } : { id }
      await stream.ready()
      stream.push(order)
      if (at % 10 === 0) stream.push(order)
      // So that commits have few messages, and are many.
      if (at % 5 === 0) await new Promise(setImmediate)
    }
    await stream.drain()
    await stream.close()
  }
  return stream as Stream<Order>
}

const expected = [0, 1, 2]
  .flatMap((life) => Array.from({ length: 100 }, (_, at) => ({ id: `${life}-${at}`, at })))
  .filter(({ at }) => at % 25 !== 7)
  .map(({ id }) => id)

describe.each([
  [0, 'process'],
  [2, 'process'],
  [0, 'disk'],
  [2, 'disk'],
] as const)('a stream with %i workers at %s', (workers, durability) => {
  test('has each effect once, whatever the store does', async () => {
    const store = await memoryTransactional({
      fault: drawnFaults(`${workers} ${durability}`, {
        before: 0.04,
        after: 0.04,
        late: 0.04,
      }),
      rejects: (order) => ((order as Order).bad === true ? 'it is bad' : undefined),
    })
    stores.push(store)
    const stream = await live(store, { workers, durability })
    const ids = store.outputs().map((order) => (order as Order).id)
    expect(ids.toSorted()).toEqual(expected.toSorted())
    expect(store.violations).toEqual([])
    expect(store.calls.filter(({ fault }) => fault !== undefined).length).toBeGreaterThan(3)
    const counters = stream.counters()
    expectBalanced(counters)
    expect(counters).toMatchObject({ processed: 288, duplicate: 30, deadLettered: 12 })
  })
})
