import { expect, test } from 'vitest'
import { open, pipeline } from 'semel'
import { httpSink } from 'semel/http'
import { Random } from '../../../src/testing/random.js'
import { CuttingProxy } from './cutting-proxy.js'
import { atEnd, scratch, serve } from './service.js'

const messages = 60

test('a stream sends to another one through cut connections, in order and once', async () => {
  const { port, placed } = await serve()
  const proxy = new CuttingProxy()
  await proxy.listen(port)
  const draw = new Random('relay')
  let cuts = 0
  proxy.connected = () => {
    // A connection is kept for several requests: the cut lies in one of them.
    proxy.cut = { of: draw.below(2) === 0 ? 'request' : 'response', behind: draw.below(700) }
    cuts += 1
  }
  const orders = pipeline('relayed')
    .accepts<{ n: number }>()
    .deliver('exactly-once', { id: (one) => one.n, window: '1h' })
    .map(({ n }) => ({ pieces: n }))
    .to(
      httpSink<{ pieces: number }>(`http://127.0.0.1:${proxy.port}/orders`, {
        idempotent: true,
        key: ({ pieces }) => `order-${pieces}`,
      }),
    )
  const stream = await open(orders, { dir: scratch(), durability: 'process', workers: 0 })
  atEnd(() => stream.close())
  for (let n = 0; n < messages; n++) await stream.send({ n })
  await stream.drain({ timeout: 60_000 })
  expect(stream.counters()).toMatchObject({ processed: messages, deadLettered: 0 })
  expect(placed().map(({ total }) => total)).toEqual(
    Array.from({ length: messages }, (_, n) => 2 * n),
  )
  expect(cuts).toBeGreaterThan(10)
}, 90_000)
