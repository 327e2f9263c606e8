import { load } from './packages.js'

/** What of kafkajs is used. */
export interface Kafka {
  producer(options: ProducerOptions): Producer
  consumer(options: {
    groupId: string
    readUncommitted?: boolean
    maxBytesPerPartition: number
  }): Consumer
  admin(): Admin
}

interface ProducerOptions {
  idempotent: true
  maxInFlightRequests: number
  transactionalId?: string
}

export interface Record {
  readonly value: Buffer
}

interface Sending {
  send(told: { topic: string; acks: -1; messages: readonly Record[] }): Promise<unknown>
}

export interface Producer extends Sending {
  connect(): Promise<void>
  disconnect(): Promise<void>
  transaction(): Promise<Transaction>
}

export interface Transaction extends Sending {
  sendOffsets(told: { consumerGroupId: string; topics: readonly TopicOffsets[] }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

interface TopicOffsets {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
}

export interface Consumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(told: { topic: string; fromBeginning: true }): Promise<void>
  run(told: {
    autoCommit: false
    eachBatch: (told: { batch: Batch; resolveOffset(offset: string): void }) => Promise<void>
  }): Promise<void>
  commitOffsets(
    offsets: readonly { topic: string; partition: number; offset: string }[],
  ): Promise<void>
  on(event: 'consumer.group_join', listener: () => void): void
}

export interface Batch {
  readonly topic: string
  readonly partition: number
  readonly messages: readonly { readonly offset: string; readonly value: Buffer }[]
  lastOffset(): string
}

interface Admin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  createTopics(told: {
    topics: readonly { topic: string; numPartitions: number; replicationFactor: number }[]
    waitForLeaders: true
  }): Promise<boolean>
}

interface KafkaJs {
  Kafka: new (told: {
    clientId: string
    brokers: readonly string[]
    logLevel: number
    retry: { initialRetryTime: number; maxRetryTime: number; retries: number }
  }) => Kafka
  logLevel: { NOTHING: number }
}

/** A client with topics of one partition each. */
export async function kafkaWith(port: number, topics: readonly string[]): Promise<Kafka> {
  const { Kafka: Client, logLevel } = load<KafkaJs>('kafkajs')
  const brokers = [`127.0.0.1:${port}`]
  const kafka = new Client({
    clientId: 'semel-bench',
    brokers,
    // It would print each time that a broker which just started says: not yet.
    logLevel: logLevel.NOTHING,
    // A transaction that begins while the one before still ends is told to come again: 300 ms later, by
    // default, where Kafka's own client takes 20.
    retry: { initialRetryTime: 20, maxRetryTime: 500, retries: 60 },
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: 1, replicationFactor: 1 })),
    waitForLeaders: true,
  })
  await admin.disconnect()
  return kafka
}

/** Runs the consumer and waits until it has its partition. */
export async function joined(consumer: Consumer, run: () => Promise<void>): Promise<void> {
  const join = new Promise<void>((resolve) => {
    consumer.on('consumer.group_join', resolve)
  })
  await run()
  await join
}

/** The offset behind the last of them: where a group goes on. */
export function offsetBehind(batch: Batch): string {
  return String(BigInt(batch.lastOffset()) + 1n)
}
