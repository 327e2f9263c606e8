import type { Contender } from './contender.js'
import { load } from './packages.js'
import { redis, redisSettings } from './servers/redis.js'
import { handle } from './tally.js'
import { batchesOf, type Trade } from './trades.js'
import { Countdown, InFlight } from './waits.js'

/** What of bullmq is used. */
interface BullMq {
  Queue: new (
    name: string,
    options: { connection: Connection; defaultJobOptions: { removeOnComplete: { age: number } } },
  ) => Queue
  Worker: new (
    name: string,
    work: (job: { data: Trade }) => Promise<void>,
    options: { connection: Connection; concurrency: number },
  ) => Worker
}

interface Connection {
  host: string
  port: number
  maxRetriesPerRequest: null
}

interface Queue {
  addBulk(jobs: readonly { name: string; data: Trade; opts: { jobId: string } }[]): Promise<unknown>
  close(): Promise<void>
}

interface Worker {
  on(event: 'completed', listener: () => void): this
  on(event: 'failed', listener: (job: unknown, error: Error) => void): this
  on(event: 'error', listener: (error: Error) => void): this
  close(force: boolean): Promise<void>
}

const [batch, bulks, concurrency, keptSeconds] = [512, 2, 100, 120]

export const bullmq: Contender = {
  name: 'BullMQ',
  system: 'BullMQ',
  settings:
    `addBulk of ${batch} with a job id each, ${bulks} under way; one worker with a concurrency of ` +
    `${concurrency}; completed jobs are kept for ${keptSeconds} s, so that copies are known; ` +
    `Redis: ${redisSettings}`,
  delivery: 'at-least-once',
  durability: 'process',
  packages: ['bullmq', 'ioredis'],
  server: redis,
  open: ({ port }) => {
    const { Queue, Worker } = load<BullMq>('bullmq')
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
    const queue = new Queue('trades', {
      connection,
      defaultJobOptions: { removeOnComplete: { age: keptSeconds } },
    })
    const handled = new Countdown()
    const worker = new Worker('trades', work, { connection, concurrency })
    worker.on('completed', () => handled.happened())
    worker.on('failed', (_, error) => handled.failed(error))
    worker.on('error', (error) => handled.failed(error))
    return Promise.resolve({
      run: async (first, count) => {
        const end = handled.expect(count)
        const sent = new InFlight(bulks)
        for (const trades of batchesOf(first, count, batch)) {
          await sent.room()
          const jobs = trades.map((data) => ({
            name: 'trade',
            data,
            // A whole number is refused.
            opts: { jobId: `trade-${data.id}` },
          }))
          sent.add(queue.addBulk(jobs))
        }
        await sent.all()
        await end
      },
      close: async () => {
        await worker.close(true)
        await queue.close()
      },
    })
  },
}

function work({ data }: { data: Trade }): Promise<void> {
  handle(data)
  return Promise.resolve()
}
