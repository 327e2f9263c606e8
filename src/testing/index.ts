export { describeAcknowledgedSource } from './describe-acknowledged.js'
export type { AcknowledgedFixture, AcknowledgedUnderTest } from './describe-acknowledged.js'
export { describeReplayableSource } from './describe-replayable.js'
export type { ReplayableFixture, ReplayableUnderTest } from './describe-replayable.js'
export { describeSink } from './describe-sink.js'
export type { SinkFixture, SinkUnderTest } from './describe-sink.js'
export { describeSource } from './describe-source.js'
export type { ExpectedRow, SourceFixture, SourceUnderTest } from './describe-source.js'
export { describeTransactionalSink } from './describe-transactional.js'
export type { TransactionalFixture, TransactionalUnderTest } from './transactional/under-test.js'
export { memoryPartitions } from './partitions.js'
export type {
  MemoryPartitions,
  MemoryPartitionsOptions,
  MoveOptions,
  PartitionsCall,
  PartitionsFault,
} from './partitions.js'
export { memoryQueue } from './queue.js'
export type { MemoryQueue, MemoryQueueOptions, QueueCall, QueueFault } from './queue.js'
export { originOf, positionAt } from './origin-of.js'
export type { Expectation, Runner, Skip } from './runner.js'
export { drawnFaults } from './transactional/faults.js'
export type { FaultShares, TransactionalCall, TransactionalFault } from './transactional/faults.js'
export { memoryTransactional } from './transactional/server.js'
export type {
  MemoryTransactional,
  MemoryTransactionalOptions,
  TransactionalRecord,
} from './transactional/server.js'
export { transactionalSink } from './transactional/sink.js'
export type { StoredCommit } from './transactional/store.js'
