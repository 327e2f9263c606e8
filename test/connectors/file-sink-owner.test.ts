import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { file, type FileOptions } from '../../src/connectors/file/sink/sink.js'
import type { SinkConnection } from '../../src/core/sink.js'
import { MemoryMemo } from './sink-memo.js'
import { positionAt } from 'semel/testing'

const runs = Number(process.env['SEMEL_RUNS'] ?? 150)
const position = positionAt(1)

type Action =
  | { readonly do: 'write'; readonly outputs: number; readonly pad: number }
  | { readonly do: 'undo'; readonly outputs: number; readonly pad: number }
  | { readonly do: 'append'; readonly ended: boolean }
  | { readonly do: 'move'; readonly replaced: boolean }
  | { readonly do: 'kill'; readonly back: number; readonly written: number; readonly torn: number }
  | { readonly do: 'close' }
  | { readonly do: 'power'; readonly back: number; readonly written: number }
  | { readonly do: 'path'; readonly other: boolean }
  | { readonly do: 'take'; readonly how: 'away' | 'truncated' }

const small = fc.integer({ min: 0, max: 4 })
const writing = fc.record({
  do: fc.constant('write' as const),
  outputs: fc.integer({ min: 1, max: 5 }),
  pad: fc.constantFrom(0, 7, 400, 1500),
})
const undoing = fc.record({
  do: fc.constant('undo' as const),
  outputs: fc.integer({ min: 0, max: 5 }),
  pad: fc.constantFrom(0, 7, 400, 1500),
})
const killing = fc.record({
  do: fc.constant('kill' as const),
  back: small,
  written: small,
  torn: fc.nat(60),
})
const losing = fc.record({ do: fc.constant('power' as const), back: small, written: small })
const closing = fc.record({ do: fc.constant('close' as const) })
const appending = fc.record({ do: fc.constant('append' as const), ended: fc.boolean() })
const moving = fc.record({ do: fc.constant('move' as const), replaced: fc.boolean() })
const renaming = fc.record({ do: fc.constant('path' as const), other: fc.boolean() })
const taking = fc.record({
  do: fc.constant('take' as const),
  how: fc.constantFrom('away' as const, 'truncated' as const),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: writing, weight: 5 },
  { arbitrary: fc.oneof(appending, killing, undoing), weight: 6 },
  { arbitrary: fc.oneof(moving, losing, closing, renaming, taking), weight: 5 },
)

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** The numbers behind a member's name, wherever in a text, in ascending order. */
function numbers(name: string, text: string): number[] {
  return [...text.matchAll(new RegExp(`"${name}":(\\d+)`, 'g'))]
    .map(([, number]) => Number(number))
    .toSorted((a, b) => a - b)
}

/** A sink's directory, what is done to it, and in plain JavaScript what it has to hold. */
class World {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'semel-owner-')))
  readonly memo = new MemoryMemo()
  readonly #options: FileOptions
  #name = 'out.ndjson'
  #connection: SinkConnection<unknown> | undefined
  #outputs = 0
  #foreign = 0
  #moved = 0
  /** The newest last: what the ack log has said, and how many outputs were committed then. */
  #log: { readonly place: number; readonly outputs: number }[] = []
  /** How many commits there were when it was opened. */
  #opened = 0
  /** Since a power loss others' lines may be in a copy instead. */
  copies = false

  constructor(options: FileOptions) {
    this.#options = options
  }

  get path(): string {
    return join(this.dir, this.#name)
  }

  async open(): Promise<void> {
    const connection = await file(this.path, this.#options).connect({
      pipeline: 'test',
      shard: 0,
      shards: 1,
      epoch: 1,
      durability: 'disk',
      memo: this.memo,
    })
    try {
      await connection.rewind?.(this.#log.at(-1)?.place)
    } catch (refused) {
      await connection.close()
      throw refused
    }
    this.#connection = connection
    this.#commit()
    this.#opened = this.#log.length
  }

  #commit(): void {
    const place = this.#connection?.place?.() as number
    this.#log.push({ place, outputs: this.#outputs })
  }

  async #write(count: number, pad: number): Promise<void> {
    const outputs = Array.from({ length: count }, (_, i) => ({
      own: this.#outputs + i,
      pad: 'x'.repeat(pad),
    }))
    await this.#connection?.write(outputs, position)
  }

  append(ended: boolean): void {
    appendFileSync(this.path, `{"foreign":${this.#foreign++}}${ended ? '\n' : ''}`)
  }

  move(replaced: boolean): void {
    if (existsSync(this.path)) renameSync(this.path, join(this.dir, `moved-${this.#moved++}`))
    if (replaced) this.append(true)
  }

  async act(step: Action): Promise<void> {
    switch (step.do) {
      case 'write':
        if (this.#connection === undefined) await this.open()
        await this.#write(step.outputs, step.pad)
        this.#outputs += step.outputs
        this.#commit()
        return
      case 'undo': {
        if (this.#connection === undefined) await this.open()
        await this.#write(step.outputs, step.pad)
        const { place } = this.#log.at(-1) as { place: number }
        await this.#connection?.rewind?.(place)
        if (this.#connection?.place?.() === place) return
        // As the runtime does: where it stands is committed, and durable, before it is written to.
        this.#commit()
        this.#opened = this.#log.length
        return
      }
      case 'append':
        return this.append(step.ended)
      case 'move':
        return this.move(step.replaced)
      case 'close':
        await this.#connection?.close()
        this.#connection = undefined
        return
      case 'kill':
        // At `disk` the commits of the last group go with the process; those before the opening are durable.
        await this.#die(step.written, step.torn)
        this.#loseCommits(Math.max(this.#opened, this.#log.length - step.back))
        return
      case 'power': {
        await this.#die(step.written, 0)
        this.memo.losePower()
        this.copies = true
        this.#loseCommits(Math.max(1, this.#log.length - step.back))
        return
      }
      case 'path':
        await this.act({ do: 'close' })
        this.#name = step.other ? 'other.ndjson' : 'out.ndjson'
        return
      case 'take':
        await this.act({ do: 'close' })
        return this.#refuses(step.how)
      default:
        return step satisfies never
    }
  }

  #loseCommits(kept: number): void {
    this.#log = this.#log.slice(0, kept)
    this.#outputs = this.#log.at(-1)?.outputs ?? 0
  }

  /** A process ends: a last batch is there, or the beginning of it, and was not committed. */
  async #die(written: number, torn: number): Promise<void> {
    if (this.#connection === undefined) return
    if (written > 0) {
      await this.#write(written, 3)
      // Less than the batch; only where it is at the end of the file that is at the path.
      const cut = torn % (20 * written)
      const text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : ''
      if (cut > 0 && text.endsWith('"pad":"xxx"}\n')) {
        truncateSync(this.path, text.length - cut)
        this.copies = true
      }
    }
    this.#connection = undefined
  }

  /** What was committed is gone: it says so, changes nothing, and goes on when it is back. */
  async #refuses(how: 'away' | 'truncated'): Promise<void> {
    const { size } = statSync(this.path, { throwIfNoEntry: false }) ?? { size: 0 }
    const isHeld = this.#log.length > 0 && this.#isAtPath()
    if (!isHeld || size === 0) return
    const kept = readFileSync(this.path)
    const aside = mkdtempSync(join(tmpdir(), 'semel-aside-'))
    if (how === 'away') renameSync(this.path, join(aside, 'kept'))
    else truncateSync(this.path, 0)
    await expect(this.open()).rejects.toMatchObject({
      code: 'SEMEL_SINK_BEHIND',
      message: expect.stringContaining(this.path) as string,
    })
    expect(existsSync(this.path)).toBe(how === 'truncated')
    if (how === 'away') renameSync(join(aside, 'kept'), this.path)
    else writeFileSync(this.path, kept)
    rmSync(aside, { recursive: true })
  }

  #isAtPath(): boolean {
    const files = this.memo.read() as { inode: string; base: number; start: number }[]
    const last = files.at(-1)
    if (last === undefined || (this.#log.at(-1)?.place ?? 0) <= last.base) return false
    const found = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    return String(found?.ino) === last.inode
  }

  text(copies = false): string {
    return readdirSync(this.dir)
      .filter((name) => copies || !name.includes('.cut-'))
      .toSorted()
      .map((name) => readFileSync(join(this.dir, name), 'utf8'))
      .join('\n')
  }

  check(): void {
    expect(numbers('own', this.text())).toEqual(upTo(this.#outputs))
    const foreign = numbers('foreign', this.text(this.copies))
    expect([...new Set(foreign)]).toEqual(upTo(this.#foreign))
    if (!this.copies) expect(foreign).toHaveLength(this.#foreign)
  }

  /** Of the outputs in all files, in the order of the files' names, the one at the path last. */
  order(): number[] {
    const names = readdirSync(this.dir).filter(
      (name) => name !== 'out.ndjson' && !name.includes('.cut-'),
    )
    return [...names.toSorted(), 'out.ndjson'].flatMap((name) =>
      [...readFileSync(join(this.dir, name), 'utf8').matchAll(/"own":(\d+)/g)].map(([, number]) =>
        Number(number),
      ),
    )
  }

  dispose(): void {
    rmSync(this.dir, { recursive: true })
  }
}

async function lives(steps: readonly Action[], options: FileOptions): Promise<void> {
  const world = new World(options)
  try {
    for (const step of steps) {
      try {
        await world.act(step)
      } catch (refused) {
        // Outputs to be cut off in front of others' lines: nothing is changed, and a person decides.
        if ((refused as { code?: string }).code !== 'SEMEL_SINK_FOREIGN') throw refused
        return
      }
    }
    await world.act({ do: 'close' })
    try {
      await world.open()
    } catch (refused) {
      if ((refused as { code?: string }).code === 'SEMEL_SINK_FOREIGN') return
      throw refused
    }
    world.check()
  } finally {
    await world.act({ do: 'close' })
    world.dispose()
  }
}

test(`keeps its outputs once and others' lines for ever, in ${runs} drawn lives`, async () => {
  const rotate = fc.constantFrom(
    undefined,
    { size: 1 },
    { size: 40 },
    { size: '1KiB' },
    { every: 1 },
    { size: 5000, keep: 1000 },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 14 }), rotate, (steps, rotated) =>
      lives(steps, rotated === undefined ? {} : { rotate: rotated }),
    ),
    { numRuns: runs },
  )
}, 120_000)

test(`full files are in order, whatever a kill or a power loss takes back, in ${runs} drawn lives`, async () => {
  const step = fc.oneof(
    { arbitrary: writing, weight: 5 },
    { arbitrary: killing, weight: 2 },
    { arbitrary: undoing, weight: 2 },
    { arbitrary: losing, weight: 1 },
    { arbitrary: closing, weight: 1 },
  )
  const size = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200, max: 6000 }))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), size, async (steps, bytes) => {
      const world = new World({ rotate: { size: bytes } })
      try {
        for (const one of steps) await world.act({ ...one, torn: 0 } as Action)
        await world.act({ do: 'close' })
        await world.open()
        world.check()
        const order = world.order()
        expect(order).toEqual(order.toSorted((a, b) => a - b))
      } finally {
        await world.act({ do: 'close' })
        world.dispose()
      }
    }),
    { numRuns: runs },
  )
}, 120_000)
