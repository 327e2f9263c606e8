import { Piscina } from 'piscina'
import type { Contender } from './contender.js'
import './tally.js'
import { tradesOf } from './trades.js'
import { InFlight } from './waits.js'

const inFlight = 1024

export const piscina: Contender = {
  name: 'piscina',
  system: 'piscina',
  settings: `a task for each message, one worker thread, up to ${inFlight} tasks at a time in it`,
  delivery: 'at-most-once',
  durability: 'memory',
  packages: [],
  open: () => {
    const pool = new Piscina({
      filename: new URL('piscina-task.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: inFlight,
    })
    return Promise.resolve({
      run: async (first, count) => {
        const tasks = new InFlight(inFlight)
        for (const trade of tradesOf(first, count)) {
          if (tasks.full) await tasks.room()
          tasks.add(pool.run(trade))
        }
        await tasks.all()
      },
      close: () => pool.destroy(),
    })
  },
}
