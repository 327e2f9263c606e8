import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  fileSinkPath,
  open,
  type Counters,
  type Definition,
  type OpenOptions,
  type Stream,
} from 'semel'
import { expect, onTestFinished } from 'vitest'

/** Small, so that tests are quick and meet the bounds. */
export const small = { ring: '64KiB', segment: '1MiB' } as const

/** A fresh directory that goes with the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'semel-runtime-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** The URL of a built fixture, with what it is told. */
export function fixture(name: string, parameters: Record<string, string | number> = {}): URL {
  const url = new URL(`../../build/js/test/fixtures/${name}.js`, import.meta.url)
  if (!existsSync(fileURLToPath(url))) {
    throw new Error(`${fileURLToPath(url)} is not built: npx tsc -p tsconfig.tools.json`)
  }
  for (const [parameter, value] of Object.entries(parameters)) {
    url.searchParams.set(parameter, String(value))
  }
  return url
}

/** Opens a stream that is closed with the test, whatever has become of it. */
export async function opened<In>(
  pipeline: URL | Definition<In>,
  options: OpenOptions,
): Promise<Stream<In>> {
  const stream = await open<In>(pipeline as Definition<In>, options)
  onTestFinished(() => stream.close({ timeout: 0 }).catch(() => {}))
  return stream
}

/** Pushes all of them, waiting for room where there is none. */
export async function pushAll<In>(stream: Stream<In>, messages: readonly In[]): Promise<void> {
  for (const message of messages) {
    while (!stream.push(message)) await stream.ready()
  }
}

/** I5: every stored message is in exactly one place. */
export function expectBalanced(counters: Counters): void {
  const { stored, ...places } = counters
  const sum =
    places.processed +
    places.filtered +
    places.duplicate +
    places.late +
    places.deadLettered +
    places.dropped +
    places.parked +
    places.inFlight
  expect(sum, JSON.stringify(counters)).toBe(stored)
}

/** Looks at every shard's counters each millisecond until `work` ends; how often. */
export async function whileBalanced<T>(
  stream: { shardCounters(): Counters[] },
  work: () => Promise<T>,
): Promise<T> {
  const look = (): void => {
    for (const shard of stream.shardCounters()) expectBalanced(shard)
  }
  let failure: unknown
  const timer = setInterval(() => {
    try {
      look()
    } catch (error) {
      failure ??= error
    }
  }, 1)
  try {
    const result = await work()
    look()
    if (failure !== undefined) throw failure
    return result
  } finally {
    clearInterval(timer)
  }
}

/** What a file sink holds: its whole lines, shard after shard. */
export function outputs<T>(path: string, shards: number): T[] {
  return Array.from({ length: shards }, (_, shard) => fileSinkPath(path, shard, shards))
    .filter((shard) => existsSync(shard))
    .flatMap((shard) => readFileSync(shard, 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as T)
}

/** The event's next occurrence. */
export function next<T>(
  stream: { once(event: string, listener: (value: T) => void): unknown },
  event: string,
): Promise<T> {
  return new Promise((resolve) => {
    stream.once(event, resolve)
  })
}

/** Resolves when `reached` holds; asked each millisecond, since nothing tells of counters. */
export async function until(
  reached: () => boolean,
  what = 'it',
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!reached()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen in ${timeoutMs} ms`)
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program of its own, killed with the test. */
export function start(command: string, args: readonly string[]): Program {
  const program = new Program(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  onTestFinished(() => program.kill())
  return program
}

/** Runs a built fixture in a process of its own. */
export function startFixture(name: string, ...args: readonly string[]): Program {
  return start(process.execPath, [fileURLToPath(fixture(name)), ...args])
}

/** Runs the text of a module that imports semel, in a process of its own. */
export function startScript(text: string): Program {
  return start(process.execPath, ['--input-type=module', '--eval', text])
}

export class Program {
  readonly #child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #hasEnded = false
  #heard: (() => void) | undefined

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (text: Buffer) => {
      this.stdout += text.toString()
      this.#heard?.()
    })
    child.stderr?.on('data', (text: Buffer) => {
      this.stderr += text.toString()
    })
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#hasEnded = true
        this.#heard?.()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Resolves when it has said so many lines, or has ended. */
  async lines(count: number): Promise<void> {
    while (this.stdout.split('\n').length <= count && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
