export type { Delivery, Durability } from './core/delivery.js'
export type { Duration } from './core/durations.js'
export { ClosedError, FencedError, InvalidArgumentError, SemelError } from './core/errors.js'
export type { Frame } from './core/frame.js'
export type {
  Counters,
  Id,
  Key,
  MalformedRow,
  MessageContext,
  Outcome,
  Produced,
} from './core/message.js'
export type { Position, Sink, SinkConnection, SinkContext, SinkKind } from './core/sink.js'
export { RejectedOutputs } from './core/sink.js'
export type { Size } from './core/sizes.js'
export type { Source, SourceBatch, SourceContext, SourceRow } from './core/source.js'

export { at, frames } from './pipeline/frames.js'
export type { At, FrameFormat } from './pipeline/frames.js'
export { isDefinition } from './pipeline/graph.js'
export type { Definition } from './pipeline/graph.js'
export type {
  DedupOptions,
  ExactlyOnceOptions,
  ExactlyOnceProducerOptions,
  OptionalDedupOptions,
  ProducerOptions,
} from './pipeline/deliver.js'
export { pipeline } from './pipeline/pipeline.js'
export type { NamedPipeline, Pipeline } from './pipeline/pipeline.js'
export type { StandardSchema } from './pipeline/schema.js'
export { exponential, fixed } from './reliability/backoff.js'
export type { Backoff } from './reliability/backoff.js'
export type { RetryOptions, RetryPolicy } from './reliability/retry.js'

export { file, fileSinkPath } from './connectors/file/sink.js'
export type { FileOptions } from './connectors/file/sink.js'
export { fileSource } from './connectors/file/source.js'
export type { FileSourceOptions } from './connectors/file/source.js'
export { forEach } from './connectors/for-each/sink.js'
export type { ForEachFunction, ForEachOptions } from './connectors/for-each/sink.js'
export { iterable } from './connectors/iterable/source.js'
export type { IterableOptions } from './connectors/iterable/source.js'
export { memory } from './connectors/memory/sink.js'
export type { MemorySink } from './connectors/memory/sink.js'
export { memorySource } from './connectors/memory/source.js'
export type { MemorySourceOptions } from './connectors/memory/source.js'

export type { Consumed, ConsumeOptions, ConsumeProgress } from './runtime/consume.js'
export type { DeadLetter, DeadLetters } from './runtime/dead-letters.js'
export type { FailedAttempt } from './runtime/failures.js'
export { inspectDirectory } from './runtime/inspect.js'
export type { DirectoryReport, ShardReport } from './runtime/inspect.js'
export { open } from './runtime/open.js'
export type { OpenOptions, Waiting } from './runtime/options.js'
export { repairDirectory, verifyDirectory } from './runtime/repair.js'
export type {
  Finding,
  FindingKind,
  RepairOptions,
  RepairReport,
  SequenceRange,
  ShardDamage,
  VerificationReport,
} from './runtime/repair.js'
export type { Receipt } from './runtime/receipts.js'
export { Stream } from './runtime/stream.js'
export type { ShardCounters, StreamEvents } from './runtime/stream.js'
export type { WaitOptions } from './runtime/wait.js'
