import { openSync, writeSync } from 'node:fs'
import {
  file,
  fileSinkPath,
  forEach,
  RejectedOutputs,
  type Position,
  type Sink,
  type SinkConnection,
  type SinkMemo,
} from 'semel'
import type { Output } from '../messages.js'
import type { Setting } from '../setting.js'
import { faultyDatabase } from './database.js'
import { faultPoint, halfWritten } from './points.js'

/** A sink that fails as a whole does so at these calls: each costs it a backoff. */
const failingCalls = new Set([7, 40, 200])

/**
 * The sink of a case, with fault points around its writes. Where it only appends, the definition's
 * kind is the setting's; for the compiler it can carry every delivery.
 */
export function sinkOf(
  setting: Setting,
  path: string,
  seed: string,
  refuses: boolean,
): Sink<Output, 'rewindable' | 'idempotent' | 'transactional'> {
  if (setting.sink === 'transactional') return faultyDatabase(setting, path, seed)
  if (setting.sink !== 'rewindable') return appending(setting, path)
  return faultyFile(path, { fails: setting.sinkFails, refuses })
}

interface FaultyFileOptions {
  /** Whether it fails as a whole now and then. */
  readonly fails: boolean
  /** Whether it refuses what is to be refused; else another sink does. */
  readonly refuses: boolean
}

export function faultyFile(path: string, options: FaultyFileOptions): Sink<Output, 'rewindable'> {
  const inner = file(path)
  return Object.freeze({
    name: inner.name,
    kind: 'rewindable' as const,
    async connect(context: Parameters<typeof inner.connect>[0]) {
      const connection = await inner.connect(context)
      return new FaultyFile(
        connection,
        fileSinkPath(path, context.shard, context.shards),
        options,
        context.memo,
      )
    },
  })
}

/** A file sink's connection that may die before, in the middle of and after each call. */
class FaultyFile implements SinkConnection<Output> {
  readonly #inner: SinkConnection<unknown>
  readonly #fd: number
  readonly #options: FaultyFileOptions
  readonly #memo: SinkMemo | undefined
  #calls = 0

  constructor(
    inner: SinkConnection<unknown>,
    path: string,
    options: FaultyFileOptions,
    memo: SinkMemo | undefined,
  ) {
    this.#memo = memo
    this.#inner = inner
    this.#fd = openSync(path, 'r+')
    this.#options = options
  }

  rewind(place: number | undefined): void | Promise<void> {
    return this.#inner.rewind?.(place)
  }

  place(): number {
    return this.#inner.place?.() as number
  }

  write(outputs: readonly Output[], position: Position): void | Promise<void> {
    this.#calls += 1
    const { fails, refuses } = this.#options
    if (fails && failingCalls.has(this.#calls)) throw new Error('the sink fails as a whole')
    const refused = outputs.flatMap((output, i) => (refuses && output.refused ? [i] : []))
    if (refused.length > 0) {
      throw new RejectedOutputs(new Map(refused.map((i) => [i, new Error('refused by the sink')])))
    }
    faultPoint('runtime.sink-before-write')
    const text = (): string => outputs.map((output) => `${JSON.stringify(output)}\n`).join('')
    const place = this.place()
    // As the sink itself does: what it has not announced is somebody else's.
    halfWritten('runtime.sink-half-written', this.#fd, text, place, (bytes) =>
      this.#memo?.announce({ own: 0, from: place, to: place + bytes, check: 0 }),
    )
    const written = this.#inner.write(outputs, position)
    faultPoint('runtime.sink-written')
    return written
  }

  async flush(): Promise<void> {
    faultPoint('runtime.sink-before-flush')
    await this.#inner.flush?.()
    faultPoint('runtime.sink-flushed')
  }

  close(): void | Promise<void> {
    return this.#inner.close()
  }
}

/** A line for each output, appended as a whole, so that threads may share the file. */
function appending(setting: Setting, path: string): Sink<Output, 'idempotent'> {
  const fd = openSync(path, 'a')
  // What a killed write has left of a line is no part of the next one.
  writeSync(fd, '\n')
  const append = (output: Output): void => {
    if (output.refused) throw new Error('refused by the sink')
    faultPoint('runtime.sink-before-write')
    const line = `${JSON.stringify(output)}\n`
    halfWritten('runtime.sink-half-written', fd, () => line)
    writeSync(fd, line)
    faultPoint('runtime.sink-written')
  }
  const later = async (output: Output): Promise<void> => {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    append(output)
  }
  const each = setting.operators === 'async' ? later : append
  return setting.sink === 'idempotent'
    ? forEach(each, { idempotent: true, name: 'append' })
    : (forEach(each, { name: 'append' }) as never)
}
