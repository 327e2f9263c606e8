import { join } from 'node:path'
import { open, type OpenOptions, type Stream, type WithOutputs } from 'semel'
import { onTestFinished } from 'vitest'
import type { Numbered, Part } from '../fixtures/outputs.pipeline.js'
import { fixture, scratch, small } from './verbs.js'

export type ReadStream = Stream<Numbered, Part> & WithOutputs<Part>

export interface Setting {
  readonly dir: string
  /** The beginning of a program: opens `stream`. */
  readonly program: string
  /** Opens it, as it was left. */
  open(more?: OpenOptions<Numbered>): Promise<ReadStream>
}

/** A pipeline of numbers whose outputs the test reads. */
export function setting(
  workers: number,
  parameters: Record<string, string | number> = {},
  options: OpenOptions<Numbered> = {},
): Setting {
  const dir = scratch()
  const given = { delivery: 'at-least-once', died: join(dir, 'died'), ...parameters }
  const isKept = given.delivery !== 'at-most-once'
  const url = fixture('outputs.pipeline', given)
  const opening: OpenOptions<Numbered> = {
    ...small,
    ...(isKept ? { dir: join(dir, 'data'), durability: 'process' as const } : {}),
    workers,
    ...options,
  }
  return {
    dir: join(dir, 'data'),
    program: `
      import { open } from 'semel'
      const stream = await open(new URL(${JSON.stringify(url.href)}), ${JSON.stringify(opening)})
    `,
    async open(more) {
      const stream = await open<Numbered, Part, unknown, 'outputs'>(url, { ...opening, ...more })
      onTestFinished(() => stream.close({ timeout: 0 }).catch(() => {}))
      return stream
    },
  }
}

export const numbered = (from: number, to: number, keys = 3): Numbered[] =>
  Array.from({ length: to - from }, (_, i) => ({ n: from + i, key: (from + i) % keys }))

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

/** Breaks out of a loop at its `count`-th output; the numbers that it was given. */
export async function readSome(stream: ReadStream, count: number): Promise<number[]> {
  const read: number[] = []
  for await (const { n } of stream.outputs()) {
    read.push(n)
    if (read.length === count) break
  }
  return read
}

/** Reads until the stream is closed. */
export async function readAll(stream: ReadStream): Promise<number[]> {
  const read: number[] = []
  for await (const { n } of stream.outputs()) read.push(n)
  return read
}
