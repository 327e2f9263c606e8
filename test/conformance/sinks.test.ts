import fs, { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { file, fileSinkPath } from '../../src/connectors/file/sink/sink.js'
import { forEachBatch } from '../../src/connectors/for-each/batch.js'
import { forEach } from '../../src/connectors/for-each/sink.js'
import { memory } from '../../src/connectors/memory/sink.js'
import { outputs } from '../../src/connectors/outputs/sink.js'
import type { OutputReader, SinkContext } from '../../src/core/sink.js'
import { describeSink, type SinkFixture } from '../../src/testing/describe-sink.js'
import * as vitest from 'vitest'

/** The next `writeSync` takes half of its bytes, the one after it finds the disk full. */
function failNextWrite(): void {
  const real = fs.writeSync
  let calls = 0
  const failing = (
    fd: number,
    bytes: NodeJS.ArrayBufferView,
    offset: number,
    length: number,
    place: number,
  ): number => {
    calls++
    if (calls === 1) return real(fd, bytes, offset, Math.floor(length / 2), place)
    fs.writeSync = real
    syncBuiltinESMExports()
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }
  fs.writeSync = failing as typeof fs.writeSync
  syncBuiltinESMExports()
}

describeSink(vitest, {
  name: 'file',
  kind: 'rewindable',
  create(): SinkFixture {
    const dir = mkdtempSync(join(tmpdir(), 'semel-sink-'))
    const path = join(dir, 'made', 'on the way', 'out.ndjson')
    return {
      sink: file(path),
      read(shard, shards) {
        const at = fileSinkPath(path, shard, shards)
        const lines = existsSync(at) ? readFileSync(at, 'utf8').split('\n') : ['']
        return lines.slice(0, -1).map((line) => JSON.parse(line) as unknown)
      },
      tear: (shard, shards) => appendFileSync(fileSinkPath(path, shard, shards), '{"id":7,"te'),
      failNextWrite,
      refused: { output: undefined },
      dispose: () => rmSync(dir, { recursive: true }),
    }
  },
})

describeSink(vitest, {
  name: 'memory',
  kind: 'rewindable',
  create(): SinkFixture {
    const sink = memory()
    return {
      sink,
      read: (shard) => [...sink.shard(shard)],
      tear: { skip: 'an output in an array is there or not' },
      failNextWrite: { skip: 'pushing to an array does not fail' },
      refused: { skip: 'an array takes anything' },
    }
  },
})

/** Takes all that is handed over, as a loop on another thread does. */
function eagerReader(seen: unknown[]): OutputReader {
  let taken = 0
  return {
    hand(handed) {
      const clones = structuredClone([...handed])
      seen.push(...clones)
      taken += clones.length
    },
    async taken() {
      await new Promise(setImmediate)
      const count = taken
      taken = 0
      return count
    },
  }
}

for (const waitingMax of [1, 7, 256]) {
  describeSink(vitest, {
    name: `outputs, of which ${waitingMax} may wait`,
    kind: 'repeatable',
    create(): SinkFixture {
      const seen: unknown[][] = []
      const sink = outputs({ waitingMax })
      return {
        sink: Object.freeze({
          ...sink,
          connect: (context: SinkContext) =>
            sink.connect({ ...context, reader: eagerReader((seen[context.shard] ??= [])) }),
        }),
        read: (shard) => seen[shard] ?? [],
        tear: { skip: 'who reads keeps nothing that could be torn' },
        failNextWrite: { skip: 'handing an output over does not fail' },
        refused: { output: () => {} },
      }
    },
  })
}

const aFunction = {
  tear: { skip: 'a function keeps nothing that could be torn' },
  failNextWrite: { skip: 'a function fails for one output, not as a whole' },
  refused: { output: { poison: true } },
} as const

function refusePoison(output: unknown): void {
  if (output === aFunction.refused.output) throw new Error('poison')
}

for (const how of ['sync', 'async'] as const) {
  describeSink(vitest, {
    name: `forEach, ${how}`,
    kind: 'repeatable',
    create(): SinkFixture {
      const seen: unknown[][] = []
      // One list a shard: the function itself is not told the shard.
      const forShard = (shard: number) => {
        const list = (seen[shard] ??= [])
        const store = (output: unknown): void => {
          refusePoison(output)
          list.push(output)
        }
        return how === 'sync'
          ? store
          : async (output: unknown): Promise<void> => {
              await new Promise(setImmediate)
              store(output)
            }
      }
      return {
        sink: Object.freeze({
          ...forEach(() => {}),
          connect: (context: SinkContext) => forEach(forShard(context.shard)).connect(context),
        }),
        read: (shard) => seen[shard] ?? [],
        ...aFunction,
      }
    },
  })
}

describeSink(vitest, {
  name: 'forEachBatch',
  kind: 'repeatable',
  create(): SinkFixture {
    const seen: unknown[][] = []
    const forShard = (shard: number) => async (batch: readonly unknown[]) => {
      await new Promise(setImmediate)
      for (const output of batch) refusePoison(output)
      ;(seen[shard] ??= []).push(...batch)
    }
    return {
      sink: Object.freeze({
        ...forEachBatch(() => {}),
        connect: (context: SinkContext) => forEachBatch(forShard(context.shard)).connect(context),
      }),
      read: (shard) => seen[shard] ?? [],
      ...aFunction,
    }
  },
})

describeSink(vitest, {
  name: 'forEach, idempotent',
  kind: 'idempotent',
  create(): SinkFixture {
    const rows = new Map<number, unknown>()
    const upsert = (output: unknown): void => {
      refusePoison(output)
      rows.set((output as { id: number }).id, output)
    }
    return {
      sink: forEach(upsert, { idempotent: true }),
      // One table for all shards: their ids lie ten apart in the suite.
      read: (shard, shards) =>
        [...rows]
          .filter(([id]) => shards === 1 || Math.floor(id / 10) === shard)
          .map(([, output]) => output),
      ...aFunction,
    }
  },
})
