import type { Contender } from './contender.js'
import { load } from './packages.js'
import { redis, redisSettings } from './servers/redis.js'
import { handle } from './tally.js'
import { batchesOf, decode, encode } from './trades.js'
import { Countdown, InFlight } from './waits.js'

/** What of ioredis is used. */
interface Redis {
  pipeline(): Commands
  multi(): Commands
  xgroup(...told: string[]): Promise<unknown>
  xreadgroupBuffer(...told: (string | number)[]): Promise<Read | null>
  smismember(key: string, ids: readonly number[]): Promise<number[]>
  disconnect(): void
}

interface Commands {
  xadd(key: string, id: string, field: string, value: Buffer): Commands
  sadd(key: string, ids: readonly number[]): Commands
  xack(key: string, group: string, entries: readonly Buffer[]): Commands
  exec(): Promise<[Error | null, unknown][] | null>
}

/** A stream's name, and its entries: an id, and fields with their values in turn. */
type Read = [Buffer, Entry[]][]
type Entry = [Buffer, Buffer[]]

const batch = 512
const pipelines = 4
const [stream, group, handledIds] = ['trades', 'handlers', 'handled']

export const redisStreams: Contender = {
  name: 'Redis Streams',
  system: 'Redis Streams',
  settings:
    `ioredis; XADD in pipelines of ${batch}, ${pipelines} under way; a consumer group that reads ${batch} ` +
    'at a time, asks a set which ids it has, handles the others, and in one MULTI adds the ids and ' +
    `acknowledges; ${redisSettings}`,
  delivery: 'exactly-once',
  durability: 'process',
  packages: ['ioredis'],
  server: redis,
  open: async ({ port }) => {
    const { Redis: Client } = load<{ Redis: new (port: number, host: string) => Redis }>('ioredis')
    const [sender, receiver] = [new Client(port, '127.0.0.1'), new Client(port, '127.0.0.1')]
    await sender.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
    const handled = new Countdown()
    const closing = new AbortController()

    const take = async (entries: readonly Entry[]): Promise<void> => {
      const trades = entries.map(([, [, bytes]]) => decode(bytes as Buffer))
      const ids = trades.map(({ id }) => id)
      const known = await receiver.smismember(handledIds, ids)
      trades.forEach((trade, at) => {
        if (known[at] === 0) handle(trade)
      })
      const acknowledge = receiver.multi().sadd(handledIds, ids)
      const done = await acknowledge
        .xack(
          stream,
          group,
          entries.map(([id]) => id),
        )
        .exec()
      done?.forEach(([error]) => {
        if (error !== null) throw error
      })
      handled.happened(entries.length)
    }
    const receive = async (): Promise<void> => {
      const told = ['GROUP', group, 'one', 'COUNT', batch, 'BLOCK', 1000, 'STREAMS', stream, '>']
      while (!closing.signal.aborted) {
        const read = await receiver.xreadgroupBuffer(...told)
        const entries = read?.[0]?.[1]
        if (entries !== undefined) await take(entries)
      }
    }
    receive().catch((error: Error) => {
      if (!closing.signal.aborted) handled.failed(error)
    })

    return {
      run: async (first, count) => {
        const end = handled.expect(count)
        const sent = new InFlight(pipelines)
        for (const trades of batchesOf(first, count, batch)) {
          const commands = sender.pipeline()
          for (const trade of trades) commands.xadd(stream, '*', 'trade', encode(trade))
          await sent.room()
          sent.add(commands.exec())
        }
        await sent.all()
        await end
      },
      close: () => {
        closing.abort()
        sender.disconnect()
        receiver.disconnect()
        return Promise.resolve()
      },
    }
  },
}
