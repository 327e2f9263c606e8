import { open } from 'semel'
import type { Contender } from './contender.js'
import './tally.js'
import { tradesOf, type Trade } from './trades.js'

export const semelProcess = semel('process', '4MiB')
export const semelDisk = semel('disk', '16MiB')

function semel(durability: 'process' | 'disk', ring: string): Contender {
  return {
    name: `semel, ${durability}`,
    system: 'semel',
    settings:
      `exactly-once by id in a window of 2 minutes, durability ${durability}, one shard, ` +
      `one worker thread, ring of ${ring}, push and ready`,
    delivery: 'exactly-once',
    durability,
    packages: [],
    open: async ({ dir }) => {
      const stream = await open<Trade>(new URL('semel.pipeline.js', import.meta.url), {
        dir,
        durability,
        ring,
        workers: 1,
      })
      return {
        run: async (first, count) => {
          for (const trade of tradesOf(first, count)) {
            while (!stream.push(trade)) await stream.ready()
          }
          await stream.drain()
        },
        close: () => stream.close(),
      }
    },
  }
}
