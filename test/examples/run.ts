import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fileSinkPath } from 'semel'

const root = fileURLToPath(new URL('../../', import.meta.url))
const cli = join(root, 'dist/cli/main.js')

/** What `semel run --json` prints, as far as it is looked at here. */
export interface Summary {
  stored: number
  processed: number
  filtered: number
  duplicate: number
  deadLettered: number
  parked: number
  inFlight: number
}

/** How an example is run. */
export interface Run {
  readonly example: 'market' | 'telemetry'
  readonly files: readonly string[]
  /** For the stream's directory and the output. */
  readonly directory: string
  readonly shards: number
  readonly workers: number
}

/** Every way in which the result must be the same. */
export const ways = [
  { way: '1 shard, no workers', shards: 1, workers: 0 },
  { way: '1 shard, 2 workers', shards: 1, workers: 2 },
  { way: '4 shards, no workers', shards: 4, workers: 0 },
  { way: '4 shards, 2 workers', shards: 4, workers: 2 },
]

/** The recorded files beside the repository; none, and a word about it, where they are absent. */
export function recorded(folder: 'market' | 'telemetry'): string[] {
  const path = join(root, '../shared/data', folder)
  if (!existsSync(path)) {
    console.info(`${path} is absent: the example runs on what it generates`)
    return []
  }
  return readdirSync(path)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => join(path, name))
}

/** The built module of an example. */
export function definition(example: Run['example']): string {
  return join(root, 'build/js/examples', example, `${example}.pipeline.js`)
}

/** `semel run` to its end. */
export async function run(how: Run): Promise<Summary> {
  const { args, env } = command(how)
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  return JSON.parse(stdout) as Summary
}

/** `semel run`, killed when it has written `bytes` of output. */
export async function runAndKill(how: Run, bytes: number): Promise<NodeJS.Signals | null> {
  const { args, env } = command(how)
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  while (child.exitCode === null && written(how) < bytes) await sleep(1)
  child.kill('SIGKILL')
  await ended
  return child.signalCode
}

/** The lines of the output, a list for each shard. */
export function outputs(how: Run): string[][] {
  return outputPaths(how).map((path) => readFileSync(path, 'utf8').split('\n').slice(0, -1))
}

/** A file as lines without their ends, for straight computations. */
export function lines(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '')
}

/** Where two long lists part; undefined where they don't. A diff of them would take minutes. */
export function difference(actual: readonly string[], expected: readonly string[]) {
  const length = Math.max(actual.length, expected.length)
  for (let at = 0; at < length; at++) {
    if (actual[at] !== expected[at]) return { at, actual: actual[at], expected: expected[at] }
  }
  return undefined
}

function outputPaths({ directory, shards }: Run): string[] {
  const path = join(directory, 'out.ndjson')
  return Array.from({ length: shards }, (_, shard) => fileSinkPath(path, shard, shards))
}

function written(how: Run): number {
  const sizes = outputPaths(how).map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  return sizes.reduce((sum, size) => sum + size, 0)
}

function command({ example, files, directory, shards, workers }: Run) {
  return {
    args: [
      cli,
      'run',
      definition(example),
      '--json',
      '--dir',
      join(directory, 'stream'),
      '--shards',
      String(shards),
      '--workers',
      String(workers),
      ...files.flatMap((file) => ['--source', file]),
    ],
    env: {
      ...process.env,
      [`SEMEL_${example.toUpperCase()}_OUT`]: join(directory, 'out.ndjson'),
    },
  }
}
