import type { Offset } from '../core/offset.js'
import type { RepairReport, VerificationReport } from './damage.js'
import { loadAddon } from './load-addon.js'
import type { NativeHeld, NativeTrusted } from './trust.js'

/** How the native core opens a stream; checked before (runtime/settings). */
export interface NativeOptions {
  name: string
  /** Empty: nothing is kept. */
  directory: string
  shards: number
  workers: number
  delivery: 0 | 1 | 2
  /** 1: objects, 2: frames. */
  payloads: 1 | 2
  /** Of frames, otherwise 0. */
  frameBytes: number
  durability: 0 | 1 | 2 | 3
  /** 0: the worker sees frames at once; 1: when they are durable. */
  visibility: 0 | 1
  /** Whether messages are kept until they are done; else their sources give them again. */
  journal: boolean
  ringBytes: number
  segmentBytes: number
  intervalMs: number
  groupPauseUs: number
  dedup: boolean
  windowMs: number
  maxIds: number
  shortenWindow: boolean
  parkedMax: number
  inFlightMax: number
  /** Whether the sink has the last word on each commit. */
  transactional: boolean
  /** As `lockDirectory` gave it; missing: the directory is not locked yet. */
  opening?: number
  /** Where it is transactional, three numbers a shard: the epoch that its sink gave, its last commit's epoch and n. */
  answers?: Float64Array
}

/** A commit that is prepared for a transactional sink. */
export interface NativePrepared {
  epoch: number
  /** 0: it has no outputs, and rests on its parent. */
  n: number
  parentEpoch: number
  /** 0: the sink has taken no commit before. */
  parentN: number
  through: number
  /** Partition → how far the shard has it with this commit; empty where n is 0. */
  sources: Record<number, Offset>
  /** Of the directory's small files: another one whenever any of them has changed. */
  filesVersion: number
}

/** What opening found in a shard's files. */
export interface NativeRecovery {
  epoch: number
  redelivered: number
  tornBytes: number
  tornCopy: string
  /** Partition → the offset up to which the shard has stored it. */
  sources: Record<number, Offset>
}

export interface NativeOutcomes {
  processed: number
  filtered: number
  duplicate: number
  late: number
  deadLettered: number
  dropped: number
}

export interface NativeStatus extends NativeOutcomes {
  stored: number
  durable: number
  through: number
  /** As `through`, as durably as the level makes it. */
  ended: number
  parked: number
  /** The oldest parked message's sequence; 0 where none is parked. */
  parkedFirst: number
  ids: number
  indexBytes: number
  windowMs: number
}

/** Messages, and nanoseconds by stage (native/shard/stages.h); all shards together. */
export interface NativeStages {
  sent: number
  append: number
  committed: number
  poll: number
  index: number
  handle: number
  commit: number
  log: number
}

/** A shard as its worker works on it. */
export interface NativeSeat {
  /** The ring's memory; payloads are read in place. */
  ring: ArrayBuffer
  /** Four 32-bit words for each sequence, at sequence modulo `capacity`: offset, length, kind, outcome. */
  slots: ArrayBuffer
  /** To be shown at every call; a newer one makes it void. */
  attempt: number
  epoch: number
  redelivered: number
  capacity: number
  firstSequence: number
  /** By sink, the committed place; -1: none. Of those behind the last one there is none. */
  sinkPlaces: Float64Array
  /** Messages in flight up to here may have killed a worker, and are tried a few at a time; 0: none. */
  suspectThrough: number
  /** Was alone when a worker died, and is tried before any other; 0: none. */
  accused: number
  /** As in NativeReplies. */
  marks: ArrayBuffer
  marksAt: number
  marksCapacity: number
  /** The longest payload of an answer. */
  answerBytesMax: number
}

/** How a shard's messages ended, as far as somebody waits for them (native/shard/replies.h). */
export interface NativeReplies {
  /** The last sequence that is awaited, 64 bits; from `marksAt` on a byte for each, modulo `capacity`. */
  marks: ArrayBuffer
  marksAt: number
  capacity: number
  /** The ring of answers. */
  answers: ArrayBuffer
}

export interface NativeParked {
  sequence: number
  attempts: number
  dueMs: number
  timeMs: number
  type: number
  /** Equal for copies of one message; undefined without an id. */
  id: string | undefined
  history: string
  payload: Buffer
  /** It may have killed a worker, and is tried with nothing beside it. */
  alone: boolean
}

/** What a worker's death means for what it had under way. */
export interface NativeDeath {
  /** At most once: they are gone with it. */
  dropped: number
  /** The next death will tell more about which message it was. */
  narrowed: boolean
  /** The death is a failed attempt of this message, to be charged before anybody takes the shard over. */
  guilty?: { shard: number; sequence: number; attempts: number; history: string }
}

export interface NativeDeadLetter extends Omit<NativeParked, 'dueMs' | 'id' | 'alone'> {
  number: number
}

export interface NativeInspection {
  name: string
  delivery: 0 | 1 | 2
  /** 0: not told, 1: objects, 2: frames. */
  payloads: 0 | 1 | 2
  frameBytes: number
  holder: number
  shards: (NativeOutcomes & {
    stored: number
    through: number
    parked: number
    epoch: number
    ids: number
    bytes: number
    clean: boolean
    deadLettersOpen: number
    /** -1: none. */
    sinkPlace: number
    commitEpoch: number
    /** 0: none. */
    commitN: number
    undecided: number
  })[]
}

/** The native core's functions. Each throws a SemelError; the hot ones take integers only. */
export interface Addon {
  readonly version: string
  setErrorClass(errorClass: new (code: string, message: string) => Error): void

  /** The first step of an opening whose sink is to be asked; `open` or `unlockDirectory` follows. */
  lockDirectory(options: NativeOptions): { opening: number; lineage: string }
  unlockDirectory(opening: number): void
  open(
    options: NativeOptions,
    notice: () => void,
  ): {
    handle: number
    payloadBytesMax: number
    /** The directory's history. */
    lineage: string
    /** Of the directory's ack logs, whatever the options said. */
    segmentBytes: number
    shards: NativeRecovery[]
  }
  close(handle: number): void
  /** A worker lets go of a stream that it has attached to. */
  detach(handle: number): void
  /** Whether a notice that was asked for keeps the process alive. */
  keepAlive(handle: number, on: boolean): void
  status(handle: number, shard: number): NativeStatus
  stages(handle: number): NativeStages
  putFile(handle: number, name: StreamFile, bytes: Uint8Array): void
  getFile(handle: number, name: StreamFile): Buffer
  /** Until the stream is closed; a shard may take again what it has. */
  lockFile(handle: number, shard: number, path: string): void
  unlockFile(handle: number, shard: number, path: string): void
  /** Whether one of the stream's shards has locked what the path leads to. */
  writesFile(handle: number, path: string): boolean
  inspect(directory: string): NativeInspection
  verify(directory: string): VerificationReport
  repair(directory: string, dryRun: boolean): RepairReport
  /** The lock of a directory that nobody has open, until `unlockRepair`. */
  lockRepair(directory: string): { lock: number; name: string; shards: number }
  unlockRepair(lock: number): void
  /** Lets it go on from what its sink has; `sources`: what that file is to hold from then on. */
  trustSink(
    lock: number,
    directory: string,
    shards: readonly NativeHeld[],
    byPosition: boolean,
    dryRun: boolean,
    sources?: Uint8Array,
  ): NativeTrusted
  /** As `deadLetters`, of a directory, open or not; a page may hold fewer than `max`. */
  readDeadLetters(directory: string, shard: number, after: number, max: number): NativeDeadLetter[]
  /** As `getFile`, of a directory, open or not. */
  readFile(directory: string, name: StreamFile): Buffer

  registerStaging(handle: number, staging: Uint8Array, rows: Uint8Array): void
  /** Takes rows until one does not fit its ring; their sequences are in the rows then. */
  append(handle: number, from: number, count: number): number
  /** Takes raw frames until one does not fit; `idAt` and `keyAt` ≥ size mean none. */
  appendFrames(handle: number, bytes: Uint8Array, size: number, idAt: number, keyAt: number): number
  appendOffset(handle: number, shard: number, partition: number, offset: Offset): boolean
  /** Open dead letters behind a number, oldest first. */
  deadLetters(handle: number, shard: number, after: number, max: number): NativeDeadLetter[]
  /** Sends its message again, or drops it; false when the ring is full. */
  endDeadLetter(handle: number, shard: number, number: number, retry: boolean): boolean
  replies(handle: number, shard: number): NativeReplies
  /** Five numbers for each shard, told and asked (native/binding/replies.cc). */
  progress(handle: number, numbers: Uint8Array): void
  /** Bytes that are free in the fullest shard's ring. */
  room(handle: number): number
  wantNotice(handle: number): void

  /** Takes the shard over; what an earlier worker had in flight comes again. */
  attach(handle: number, shard: number): NativeSeat
  /** How many slots were filled behind the last one, or one of `stalls`. */
  poll(handle: number, shard: number, attempt: number, max: number): number
  /** False: the ack log, or the ring of answers, has no room yet; the same call is to be made again. */
  commit(
    handle: number,
    shard: number,
    attempt: number,
    count: number,
    /** By sink; negative: as before. */
    sinkPlaces: Float64Array,
    details?: Uint8Array,
    answers?: Uint8Array,
  ): boolean
  // Where the sink is transactional, in the stead of `commit`:
  /** Prepares a commit of the next messages in flight; undefined where there is no room yet. */
  prepare(
    handle: number,
    shard: number,
    attempt: number,
    count: number,
    hasOutputs: boolean,
    sinkPlaces: Float64Array,
    details?: Uint8Array,
  ): NativePrepared | undefined
  /** How many of those that are prepared are as safe as the level makes them, from the oldest on. */
  prepared(handle: number, shard: number, attempt: number): number
  /** The sink has the oldest of them; false as in `commit`. `areLost`: a dead worker had the answers. */
  confirm(
    handle: number,
    shard: number,
    attempt: number,
    areLost: boolean,
    answers?: Uint8Array,
  ): boolean
  /** How many of them took effect, as the sink says; SemelError where it does not fit the directory. */
  askedSink(
    handle: number,
    shard: number,
    attempt: number,
    epoch: number,
    lastEpoch: number,
    lastN: number,
  ): number
  /** None of them took effect; their messages are in flight still. */
  discard(handle: number, shard: number, attempt: number): void
  /** A block says what is confirmed; false as in `commit`. */
  record(handle: number, shard: number, attempt: number): boolean
  /** What is in flight is polled again; from where on. */
  startOver(
    handle: number,
    shard: number,
    attempt: number,
  ): Pick<NativeSeat, 'firstSequence' | 'sinkPlaces'>

  /** Whether every commit so far is as durable as the level makes it; hurries where it is not. */
  acksDurable(handle: number, shard: number): boolean
  /** Spins, then parks, until one of the worker's shards has work; whether one has. */
  wait(handle: number, worker: number, spinMicros: number, parkMicros: number): boolean
  wake(handle: number, worker: number): void
  nextParked(
    handle: number,
    shard: number,
    attempt: number,
    after: number,
  ): NativeParked | undefined
  /** The stream's own clock, in milliseconds since 1970: it goes on evenly whatever the wall clock does. */
  clockMs(handle: number): number
  isDuplicate(handle: number, shard: number, attempt: number, sequence: number): boolean
  /** A parked message's attempt begins, or it is put back untried. A commit ends it too. */
  tryParked(handle: number, shard: number, attempt: number, sequence: number, on: boolean): void

  /** Judges a worker whose thread is gone; calls in its name are refused from now on. */
  bury(handle: number, worker: number): NativeDeath
  /** Calls in the worker's name are refused from now on, whether or not its thread is gone. */
  fence(handle: number, worker: number): void
  /** Ends the process, whatever its threads do. */
  exitNow(code: number): never
  /** Parks or dead-letters the guilty message, by one detail; false as in `commit`. */
  charge(handle: number, shard: number, details: Uint8Array): boolean
}

/** Small files in a stream's directory, replaced as a whole. */
export type StreamFile = 'structures' | 'sources' | 'offsets' | 'sinks' | `sink-${number}`

let loaded: Addon | undefined

/**
 * The native core, loaded once for each thread.
 * @throws SemelError `SEMEL_NATIVE` where it is missing, may not be loaded, or is of another version
 */
export function addon(): Addon {
  loaded ??= loadAddon<Addon>()
  return loaded
}
