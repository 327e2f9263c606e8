import type { Contender } from './contender.js'
import { load } from './packages.js'
import { rabbitmq as server } from './servers/rabbitmq.js'
import { handle } from './tally.js'
import { decode, encode, tradesOf, type Trade } from './trades.js'
import { Countdown, InFlight } from './waits.js'

/** What of amqplib is used. */
interface Amqp {
  connect(url: string): Promise<Connection>
}

interface Connection {
  createChannel(): Promise<Channel>
  createConfirmChannel(): Promise<ConfirmChannel>
  close(): Promise<void>
}

interface Channel {
  assertQueue(name: string, options: { durable: boolean }): Promise<unknown>
  checkQueue(name: string): Promise<{ messageCount: number }>
  prefetch(count: number): Promise<unknown>
  consume(queue: string, listener: (message: Message | null) => void): Promise<unknown>
  ack(message: Message, allUpTo: boolean): void
}

interface ConfirmChannel extends Channel {
  publish(
    exchange: string,
    queue: string,
    bytes: Buffer,
    options: { persistent: boolean; messageId: string },
    confirmed: (error: Error | null) => void,
  ): boolean
}

interface Message {
  readonly content: Buffer
}

const [confirms, prefetch] = [2048, 2048]
const queue = 'trades'

export const rabbitmq: Contender = {
  name: 'RabbitMQ',
  system: 'RabbitMQ',
  settings:
    `durable classic queue, persistent messages, publisher confirms with ${confirms} under way, ` +
    `prefetch ${prefetch}, one ack for all that one turn of the event loop handled; two connections`,
  delivery: 'at-least-once',
  durability: 'disk',
  packages: ['amqplib'],
  server,
  open: async ({ port }) => {
    const amqp = load<Amqp>('amqplib')
    const url = `amqp://127.0.0.1:${port}`
    const [sender, receiver] = [await amqp.connect(url), await amqp.connect(url)]
    const [outgoing, incoming] = [
      await sender.createConfirmChannel(),
      await receiver.createChannel(),
    ]
    await incoming.assertQueue(queue, { durable: true })
    await incoming.prefetch(prefetch)
    const handled = new Countdown()

    let last: Message | undefined
    let waiting = 0
    const acknowledge = (): void => {
      if (last !== undefined) incoming.ack(last, true)
      last = undefined
      handled.happened(waiting)
      waiting = 0
    }
    await incoming.consume(queue, (message) => {
      if (message === null) return handled.failed(new Error('RabbitMQ cancelled the consumer'))
      if (last === undefined) setImmediate(acknowledge)
      handle(decode(message.content))
      last = message
      waiting += 1
    })
    const publish = (trade: Trade): Promise<void> =>
      new Promise((resolve, reject) => {
        const told = { persistent: true, messageId: String(trade.id) }
        outgoing.publish('', queue, encode(trade), told, (error) => {
          if (error === null || error === undefined) resolve()
          else reject(error)
        })
      })

    return {
      run: async (first, count) => {
        const end = handled.expect(count)
        const sent = new InFlight(confirms)
        for (const trade of tradesOf(first, count)) {
          if (sent.full) await sent.room()
          sent.add(publish(trade))
        }
        await sent.all()
        await end
        // Acks are not confirmed: what answers behind them tells that they have arrived.
        const { messageCount } = await incoming.checkQueue(queue)
        if (messageCount !== 0) throw new Error(`${messageCount} messages are still in the queue`)
      },
      close: async () => {
        await receiver.close()
        await sender.close()
      },
    }
  },
}
