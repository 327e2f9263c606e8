import type { Contender } from './contender.js'
import { load } from './packages.js'
import { nats } from './servers/nats.js'
import { handle } from './tally.js'
import { decode, encode, tradesOf } from './trades.js'
import { Countdown, InFlight } from './waits.js'

/** What of @nats-io/transport-node and @nats-io/jetstream is used. */
interface Transport {
  connect(options: { servers: string }): Promise<Connection>
}

interface Connection {
  close(): Promise<void>
}

interface JetStream {
  jetstream(of: Connection): {
    publish(subject: string, bytes: Uint8Array, options: { msgID: string }): Promise<unknown>
    consumers: { get(stream: string, name: string): Promise<Consumer> }
  }
  jetstreamManager(of: Connection): Promise<{
    streams: { add(told: Readonly<Record<string, unknown>>): Promise<unknown> }
    consumers: { add(stream: string, told: Readonly<Record<string, unknown>>): Promise<unknown> }
  }>
}

interface Consumer {
  consume(options: { max_messages: number }): Promise<AsyncIterable<Message> & { stop(): void }>
}

interface Message {
  readonly data: Uint8Array
  ackAck(): Promise<boolean>
}

const [publishes, buffered, windowMinutes] = [1024, 4096, 2]
const stream = 'trades'

export const jetStream: Contender = {
  name: 'NATS JetStream',
  system: 'NATS JetStream',
  settings:
    `file storage, one replica; published with message ids in a window of ${windowMinutes} minutes, ` +
    `${publishes} under way; a durable pull consumer with up to ${buffered} ahead, ack policy all: one ` +
    'double ack for all that one turn of the event loop handled',
  delivery: 'exactly-once',
  durability: 'process',
  packages: ['@nats-io/transport-node', '@nats-io/jetstream'],
  server: nats,
  open: async ({ port }) => {
    const { connect } = load<Transport>('@nats-io/transport-node')
    const { jetstream, jetstreamManager } = load<JetStream>('@nats-io/jetstream')
    const servers = `127.0.0.1:${port}`
    const [sender, receiver] = [await connect({ servers }), await connect({ servers })]
    const manager = await jetstreamManager(sender)
    await manager.streams.add({
      name: stream,
      subjects: [stream],
      storage: 'file',
      num_replicas: 1,
      duplicate_window: windowMinutes * 60e9,
    })
    await manager.consumers.add(stream, {
      durable_name: 'handlers',
      ack_policy: 'all',
      max_ack_pending: 2 * buffered,
    })
    const consumer = await jetstream(receiver).consumers.get(stream, 'handlers')
    const messages = await consumer.consume({ max_messages: buffered })
    const handled = new Countdown()

    let last: Message | undefined
    let waiting = 0
    const acknowledge = async (): Promise<void> => {
      const [message, count] = [last, waiting]
      last = undefined
      waiting = 0
      if (!(await message?.ackAck())) throw new Error('JetStream did not confirm an acknowledgment')
      handled.happened(count)
    }
    const receive = async (): Promise<void> => {
      for await (const message of messages) {
        if (last === undefined) {
          setImmediate(() => {
            acknowledge().catch((error: Error) => handled.failed(error))
          })
        }
        handle(decode(message.data))
        last = message
        waiting += 1
      }
    }
    receive().catch((error: Error) => handled.failed(error))

    const publisher = jetstream(sender)
    return {
      run: async (first, count) => {
        const end = handled.expect(count)
        const sent = new InFlight(publishes)
        for (const trade of tradesOf(first, count)) {
          if (sent.full) await sent.room()
          sent.add(publisher.publish(stream, encode(trade), { msgID: String(trade.id) }))
        }
        await sent.all()
        await end
      },
      close: async () => {
        messages.stop()
        await receiver.close()
        await sender.close()
      },
    }
  },
}
