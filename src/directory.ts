export { readDeadLetters } from './runtime/failures/stored-letters.js'
export type { StoredLettersOptions } from './runtime/failures/stored-letters.js'
export { inspectDirectory } from './runtime/directory/inspect.js'
export type { DirectoryAccepts, DirectoryReport, ShardReport } from './runtime/directory/inspect.js'
export { repairDirectory, verifyDirectory } from './runtime/directory/repair.js'
export type {
  Finding,
  FindingKind,
  RepairReport,
  SequenceRange,
  ShardDamage,
  VerificationReport,
} from './native/damage.js'
export type { RepairOptions } from './runtime/directory/repair.js'
export { trustSink } from './runtime/stream/trust-sink.js'
export type { ShardTrust, TrustReport, TrustSinkOptions } from './runtime/stream/trust-sink.js'
export type { DeadLetter } from './runtime/failures/letter-reader.js'
export type { FailedAttempt } from './reliability/attempts.js'
