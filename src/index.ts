export type { Acknowledge } from './core/acknowledge.js'
export type { Delivery, Durability } from './core/delivery.js'
export type { Duration } from './core/durations.js'
export {
  AckTimeoutError,
  ClosedError,
  FencedError,
  InvalidArgumentError,
  SemelError,
} from './core/errors.js'
export { Fatal, Unavailable } from './core/handler-errors.js'
export type { FatalOptions, UnavailableOptions } from './core/handler-errors.js'
export type { Frame } from './core/frame.js'
export type { MessageHeaders } from './core/headers.js'
export type {
  Counters,
  Id,
  Key,
  MalformedRow,
  MessageContext,
  Outcome,
  Produced,
} from './core/message.js'
export type { Overflow } from './core/overflow.js'
export type {
  FileClaims,
  OutputReader,
  Position,
  Sink,
  SinkConnection,
  SinkContext,
  SinkKind,
  SinkMemo,
  WriteSpan,
} from './core/sink.js'
export { RejectedOutputs } from './core/sink.js'
export type { Size } from './core/sizes.js'
export type { Offset } from './core/offset.js'
export type {
  AssignedPartition,
  Place,
  ReplayableConnection,
  ReplayableContext,
  ReplayableSource,
  RevokedOptions,
} from './core/replayable-source.js'
export { idempotencyKey } from './core/origin.js'
export type { Origin } from './core/origin.js'
export { CommitRefused } from './core/transactional.js'
export type {
  Begun,
  Commit,
  CommitId,
  Held,
  Output,
  TransactionalConnection,
} from './core/transactional.js'
export type {
  AcknowledgedConnection,
  AcknowledgedSource,
  HandedOut,
  IdentifiedPartition,
  KnownPartition,
  Source,
  SourceBatch,
  SourceContext,
  SourceNotice,
  SourceRow,
} from './core/source.js'

export type { Acknowledged } from './acknowledge/acknowledged.js'
export type { Batch, BatchStatus } from './acknowledge/batched.js'
export type { BatchedEnd, Completion, End, Receipt, Stored } from './acknowledge/ends.js'
export type { Status } from './acknowledge/many.js'

export { at, frames } from './pipeline/frames.js'
export type { At, FrameFormat } from './pipeline/frames.js'
export { isDefinition } from './pipeline/graph.js'
export type { AnyDefinition, Definition } from './pipeline/graph.js'
export type { Home } from './pipeline/home.js'
export type { Resource } from './pipeline/resource.js'
export type { ClassOptions } from './pipeline/classes.js'
export type {
  DedupOptions,
  ExactlyOnceOptions,
  ExactlyOnceProducerOptions,
  OptionalDedupOptions,
  OverflowOptions,
  ProducerOptions,
} from './pipeline/deliver.js'
export { pipeline } from './pipeline/pipeline.js'
export type { NamedPipeline, Pipeline, Sent, Start } from './pipeline/pipeline.js'
export type { Branch, Branched } from './pipeline/branch.js'
export type { DeadLetterRecord } from './reliability/dead-letter-record.js'
export type { StandardSchema } from './core/schema.js'
export type { FailedAttempt } from './reliability/attempts.js'
export { exponential, fixed } from './reliability/backoff.js'
export type { Backoff } from './reliability/backoff.js'
export type { Limit, LimitOptions, Rate } from './reliability/limit.js'
export type { Ending, FailedOnce, RetryOptions, RetryPolicy } from './reliability/retry.js'

export { guaranteeText } from './delivery/guarantee-text.js'
export type { Guarantee, SourceGuarantee } from './delivery/guarantee.js'
export type { SourceKind } from './delivery/source-kind.js'
export type { Effect, Encounter, Fault, Hop, HopName, Rest } from './delivery/hop.js'

export { file, fileSinkPath } from './connectors/file/sink/sink.js'
export type { FileOptions } from './connectors/file/sink/sink.js'
export type { RotateOptions } from './connectors/file/sink/rotation.js'
export { fileSource } from './connectors/file/source/source.js'
export type { FileSourceOptions } from './connectors/file/source/source.js'
export { forEach } from './connectors/for-each/sink.js'
export type { ForEachFunction, OutputContext } from './connectors/for-each/sink.js'
export { forEachBatch } from './connectors/for-each/batch.js'
export type { ForEachBatchFunction, ForEachBatchOptions } from './connectors/for-each/batch.js'
export type { ForEachOptions } from './connectors/for-each/options.js'
export { iterable, iterableSource } from './connectors/iterable/source.js'
export type { IterableOptions, IterableSourceOptions } from './connectors/iterable/source.js'
export { outputs } from './connectors/outputs/sink.js'
export type { OutputsOptions, OutputsSink } from './connectors/outputs/sink.js'
export { memory } from './connectors/memory/sink.js'
export type { MemorySink } from './connectors/memory/sink.js'
export { memorySource } from './connectors/memory/source.js'
export type { MemorySourceOptions } from './connectors/memory/source.js'

export type { ShardCounters } from './runtime/stream/counters.js'
export type { Consumed, ConsumeOptions, ConsumeProgress } from './runtime/sources/consumption.js'
export type { OverflowCounters } from './runtime/door/overflow.js'
export type { DoorCounters } from './runtime/door/producers.js'
export type { DeadLetters } from './runtime/failures/dead-letters.js'
export type { DeadLetter } from './runtime/failures/letter-reader.js'
export { guarantee } from './runtime/stream/guarantee.js'
export type { GuaranteeOptions } from './runtime/stream/guarantee.js'
export { collect, CollectError } from './runtime/stream/collect.js'
export type { FailedMessage } from './runtime/stream/collect.js'
export { open } from './runtime/stream/open.js'
export type { Configured } from './runtime/settings/open-options.js'
export type {
  BatchedOptions,
  ClassOpenOptions,
  OpenOptions,
  Waiting,
} from './runtime/settings/open-options.js'
export type { MessageOptions, SendOptions } from './runtime/settings/send-options.js'
export type { StageTimes } from './runtime/stream/stage-times.js'
export type { WithOutputs } from './runtime/outputs/outputs-loop.js'
export { Stream } from './runtime/stream/stream.js'
export type { SourceFailed } from './runtime/sources/reconnecting.js'
export type { StreamClass, StreamEvents } from './runtime/stream/stream.js'
export type { WaitOptions } from './core/waiting/wait.js'
