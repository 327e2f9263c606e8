import { join } from 'node:path'
import type { Contender } from './contender.js'
import { load } from './packages.js'
import { handle } from './tally.js'
import { batchesOf, encode, type Trade } from './trades.js'
import { InFlight } from './waits.js'

/** What of lmdb is used. */
interface Lmdb {
  open(options: { path: string; noSync: boolean }): Root
}

interface Root {
  openDB(options: {
    name: string
    encoding: 'binary' | 'ordered-binary'
    keyEncoding?: 'uint32'
  }): Database
  transaction<T>(work: () => T): Promise<T>
  readonly flushed: PromiseLike<unknown>
  close(): Promise<void>
}

interface Database {
  doesExist(key: number | string): boolean
  put(key: number | string, value: unknown): Promise<boolean>
}

const batch = 2048
const transactions = 2

export const lmdbProcess = inbox('process')
export const lmdbDisk = inbox('disk')

function inbox(durability: 'process' | 'disk'): Contender {
  return {
    name: `LMDB inbox, ${durability}`,
    system: 'LMDB',
    settings:
      `lmdb, ${durability === 'disk' ? 'acknowledged when flushed' : 'noSync'}; in one transaction ` +
      `for ${batch} messages: put under its id, handle if it was not there, put up to where all are ` +
      `handled; ${transactions} transactions under way`,
    delivery: 'exactly-once',
    durability,
    packages: ['lmdb'],
    open: ({ dir }) => {
      const lmdb = load<Lmdb>('lmdb')
      const all = lmdb.open({ path: join(dir, 'inbox'), noSync: durability === 'process' })
      const inboxes = all.openDB({ name: 'inbox', encoding: 'binary', keyEncoding: 'uint32' })
      const marks = all.openDB({ name: 'marks', encoding: 'ordered-binary' })
      const take = (trades: readonly Trade[]): void => {
        for (const trade of trades) {
          if (inboxes.doesExist(trade.id)) continue
          void inboxes.put(trade.id, encode(trade))
          handle(trade)
        }
        void marks.put('handled', trades.at(-1)?.id)
      }
      const committed = async (trades: readonly Trade[]): Promise<void> => {
        await all.transaction(() => take(trades))
        if (durability === 'disk') await all.flushed
      }
      return Promise.resolve({
        run: async (first, count) => {
          const underWay = new InFlight(transactions)
          for (const trades of batchesOf(first, count, batch)) {
            await underWay.room()
            underWay.add(committed(trades))
          }
          await underWay.all()
        },
        close: () => all.close(),
      })
    },
  }
}
