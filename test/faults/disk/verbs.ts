import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open, type Definition, type OpenOptions, type Stream } from 'semel'
import { expect, onTestFinished } from 'vitest'
import type { Parcel } from '../../fixtures/faults/disk.pipeline.js'
import { fixture, outputs, scratch, small, start, type Program } from '../../runtime/verbs.js'

export { fixture, next, scratch, small, start, startScript, until } from '../../runtime/verbs.js'

/** Why a small file system can't be mounted here; undefined where it can. */
export const noMount = ((): string | undefined => {
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  })
  if (tried.status === 0) return undefined
  return `mounting a small tmpfs needs root: ${tried.error?.message ?? tried.stderr.trim()}`
})()

/** Why system calls can't be made to fail here; undefined where they can. */
export const noStrace = ((): string | undefined => {
  const tried = spawnSync(
    'strace',
    ['-f', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO', 'true'],
    { encoding: 'utf8' },
  )
  if (tried.status === 0) return undefined
  return `making system calls fail needs strace: ${tried.error?.message ?? tried.stderr.trim()}`
})()

/** A file system of its own, of so many bytes, that goes with the test. */
export class SmallDisk {
  readonly path = scratch()
  readonly #filler = join(this.path, 'filler')

  constructor(options: string) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', this.path])
    onTestFinished(() => void spawnSync('umount', ['-l', this.path]))
  }

  resize(options: string): void {
    execFileSync('mount', ['-o', `remount,${options}`, this.path])
  }

  /** Takes all space but so many KiB. */
  fill(leaveKiB = 0): void {
    const { bavail, bsize } = statfsSync(this.path)
    const piece = Buffer.alloc(bsize)
    const fd = openSync(this.#filler, 'w')
    try {
      // Others may take some meanwhile.
      for (let left = bavail - (leaveKiB * 1024) / bsize; left > 0; left--) writeSync(fd, piece)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(fd)
    }
  }

  free(): void {
    rmSync(this.#filler)
  }
}

export const levels = [
  ['process', 0],
  ['process', 2],
  ['disk', 0],
  ['disk', 2],
] as const

export interface Told {
  readonly isSemelError: boolean
  readonly name: string
  readonly code: string
  readonly message: string
}

/** What a sender has said: word → what belonged to each. */
export class Said {
  readonly receipts: number[] = []
  readonly sinkFailures: string[] = []
  readonly errors: Partial<Record<'refused' | 'event' | 'failed' | 'after' | 'close', Told>> = {}
  readonly words = new Set<string>()

  constructor(stdout: string) {
    for (const line of stdout.split('\n').slice(0, -1)) {
      const space = line.indexOf(' ')
      const word = line.slice(0, space)
      const what = JSON.parse(line.slice(space + 1)) as unknown
      this.words.add(word)
      if (word === 'receipt') this.receipts.push(what as number)
      else if (word === 'sink-failed') this.sinkFailures.push(what as string)
      else if (what !== null) this.errors[word as 'failed'] = what as Told
    }
  }
}

export interface SettingOptions {
  readonly data?: string
  readonly to?: string
  readonly fails?: number
  readonly attempts?: number
  readonly durability?: OpenOptions['durability']
  readonly workers?: number
  readonly shards?: number
}

/** A pipeline of parcels with its directory, and what its sink holds in the end. */
export class Setting {
  readonly data: string
  readonly to: string
  readonly url: URL
  readonly options: OpenOptions
  readonly receipts: number[] = []
  readonly #shards: number

  constructor({ durability = 'disk', workers = 0, shards = 2, ...given }: SettingOptions) {
    const dir = given.to === undefined || given.data === undefined ? scratch() : ''
    this.data = given.data ?? join(dir, 'data')
    this.to = given.to ?? join(dir, 'out.ndjson')
    const { fails, attempts } = given
    this.url = fixture('faults/disk.pipeline', {
      to: this.to,
      ...(fails === undefined ? {} : { fails }),
      ...(attempts === undefined ? {} : { attempts }),
    })
    this.options = { ...small, dir: this.data, durability, workers, shards }
    this.#shards = shards
  }

  open(more: OpenOptions = {}): Promise<Stream<Parcel>> {
    return open<Parcel>(this.url as unknown as Definition<Parcel>, { ...this.options, ...more })
  }

  /** A sender in a process of its own, behind `command` if any. */
  send(plan: Partial<Plan> = {}, command: readonly string[] = []): Program {
    const all = { from: 0, count: 100_000, burst: 16, pad: 10, pauseMs: 0, ...plan }
    const [first, ...rest] = [
      ...command,
      process.execPath,
      fileURLToPath(fixture('faults/disk-sender')),
      this.url.href,
      JSON.stringify(this.options),
      JSON.stringify(all),
    ]
    return start(first as string, rest)
  }

  /** Waits for a sender to end by itself, and notes its receipts. */
  async ended(program: Program): Promise<Said> {
    const { code, signal, stdout, stderr } = await program.ended
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    const said = new Said(stdout)
    this.receipts.push(...said.receipts)
    return said
  }

  async killed(program: Program): Promise<void> {
    program.kill()
    this.receipts.push(...new Said((await program.ended).stdout).receipts)
  }

  /** Opens the stream again: all that a receipt was given for has one effect, and none has two. */
  async expectNothingLost(): Promise<void> {
    const stream = await this.open()
    let dead: number[]
    try {
      await stream.drain({ timeout: 20_000 })
      dead = [...stream.deadLetters.list()].map(({ message }) => (message as Parcel).id)
    } finally {
      await stream.close()
    }
    const written = outputs<Parcel>(this.to, this.#shards).map(({ id }) => id)
    const ends = [...written, ...dead].toSorted((a, b) => a - b)
    expect(ends).toEqual([...new Set(ends)])
    const found = new Set(ends)
    expect(this.receipts.filter((id) => !found.has(id))).toEqual([])
  }
}

interface Plan {
  readonly from: number
  readonly count: number
  readonly burst: number
  readonly pad: number
  readonly pauseMs: number
}
