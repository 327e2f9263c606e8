import type { Contender } from './contender.js'
import { joined, kafkaWith, offsetBehind, type Batch, type Producer } from './kafka-client.js'
import { kafkaServer } from './servers/kafka.js'
import { handle } from './tally.js'
import { batchesOf, decode, encode } from './trades.js'
import { Countdown, InFlight } from './waits.js'

const [batch, requests, fetchBytes] = [2000, 5, 4_194_304]
const topic = 'trades'

export const sendingSettings =
  `kafkajs, one broker, one partition; idempotent producer, acks=all, batches of ${batch}, up to ` +
  `${requests} requests under way`

export const kafka: Contender = {
  name: 'Kafka',
  system: 'Kafka',
  settings: `${sendingSettings}; offsets are committed behind each batch that was fetched and handled`,
  delivery: 'at-least-once',
  durability: 'process',
  packages: ['kafkajs'],
  server: kafkaServer,
  open: async ({ port }) => {
    const client = await kafkaWith(port, [topic])
    const producer = await idempotentProducer(client)
    const consumer = client.consumer({ groupId: 'handlers', maxBytesPerPartition: fetchBytes })
    const handled = new Countdown()

    const take = async (fetched: Batch, resolve: (offset: string) => void): Promise<void> => {
      for (const { value } of fetched.messages) handle(decode(value))
      resolve(fetched.lastOffset())
      const { partition } = fetched
      await consumer.commitOffsets([{ topic, partition, offset: offsetBehind(fetched) }])
      handled.happened(fetched.messages.length)
    }
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await joined(consumer, () =>
      consumer.run({
        autoCommit: false,
        eachBatch: ({ batch: fetched, resolveOffset }) => take(fetched, resolveOffset),
      }),
    )

    return {
      run: async (first, count) => {
        const end = handled.expect(count)
        await produce(producer, first, count)
        await end
      },
      close: async () => {
        await consumer.disconnect()
        await producer.disconnect()
      },
    }
  },
}

export async function idempotentProducer(
  client: Awaited<ReturnType<typeof kafkaWith>>,
): Promise<Producer> {
  const producer = client.producer({ idempotent: true, maxInFlightRequests: requests })
  await producer.connect()
  return producer
}

export async function produce(producer: Producer, first: number, count: number): Promise<void> {
  const sent = new InFlight(requests)
  for (const trades of batchesOf(first, count, batch)) {
    await sent.room()
    const messages = trades.map((trade) => ({ value: encode(trade) }))
    sent.add(producer.send({ topic, acks: -1, messages }))
  }
  await sent.all()
}
