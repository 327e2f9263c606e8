import { bullmq } from './bullmq.js'
import type { Contender } from './contender.js'
import { jetStream } from './jetstream.js'
import { kafka } from './kafka.js'
import { kafkaTransactions } from './kafka-transactions.js'
import { lmdbDisk, lmdbProcess } from './lmdb.js'
import { piscina } from './piscina.js'
import { rabbitmq } from './rabbitmq.js'
import { redisStreams } from './redis-streams.js'
import { semelDisk, semelProcess } from './semel.js'
import { sqliteFull, sqliteNormal } from './sqlite.js'

/** In the order in which they take turns. */
export const contenders: readonly Contender[] = [
  semelProcess,
  semelDisk,
  piscina,
  sqliteNormal,
  sqliteFull,
  lmdbProcess,
  lmdbDisk,
  redisStreams,
  bullmq,
  jetStream,
  rabbitmq,
  kafka,
  kafkaTransactions,
]
