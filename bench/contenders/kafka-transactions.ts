import type { Contender } from './contender.js'
import { joined, kafkaWith, offsetBehind, type Batch } from './kafka-client.js'
import { idempotentProducer, produce, sendingSettings } from './kafka.js'
import { kafkaServer } from './servers/kafka.js'
import { handle } from './tally.js'
import { decode } from './trades.js'
import { Countdown } from './waits.js'

const [topic, results, groupId] = ['trades', 'results', 'handlers']
const fetchBytes = 4_194_304

export const kafkaTransactions: Contender = {
  name: 'Kafka, transactions',
  system: 'Kafka',
  settings:
    `${sendingSettings}; for each batch that was fetched and handled one transaction with one record of ` +
    'its result and the offsets',
  delivery: 'exactly-once',
  durability: 'process',
  packages: ['kafkajs'],
  server: kafkaServer,
  open: async ({ port }) => {
    const client = await kafkaWith(port, [topic, results])
    const producer = await idempotentProducer(client)
    const writer = client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId: 'handler-1',
    })
    await writer.connect()
    const consumer = client.consumer({ groupId, maxBytesPerPartition: fetchBytes })
    const handled = new Countdown()

    const take = async (fetched: Batch, resolve: (offset: string) => void): Promise<void> => {
      const transaction = await writer.transaction()
      let notional = 0
      for (const { value } of fetched.messages) {
        const trade = decode(value)
        handle(trade)
        notional += trade.price * trade.size
      }
      const result = { value: Buffer.from(String(notional)) }
      await transaction.send({ topic: results, acks: -1, messages: [result] })
      const partitions = [{ partition: fetched.partition, offset: offsetBehind(fetched) }]
      await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] })
      await transaction.commit()
      resolve(fetched.lastOffset())
      handled.happened(fetched.messages.length)
    }
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await joined(consumer, () =>
      consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          await take(batch, resolveOffset)
        },
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
        await writer.disconnect()
        await producer.disconnect()
      },
    }
  },
}
