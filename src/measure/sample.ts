import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { SemelError } from '../core/errors.js'
import type { Source } from '../core/source.js'
import { Scratch } from './scratch.js'

/** What a sample may take; the rest of a source is not read. */
export const sampleMessagesMax = 10_000

/** Messages in a file, the same ones for every child. */
export interface SampleFile {
  readonly path: string
  readonly messages: number
  remove(): void
}

export function writeSample(messages: readonly unknown[]): SampleFile {
  const scratch = new Scratch()
  const path = join(scratch.folder, 'messages')
  writeFileSync(path, serialize(messages))
  return { path, messages: messages.length, remove: () => scratch.remove() }
}

export function readSample(path: string): unknown[] {
  return deserialize(readFileSync(path)) as unknown[]
}

/**
 * The first messages of a source; rows that are none are left out.
 * @throws SemelError `SEMEL_MODULE` where there is not one
 */
export async function sampleOf(source: Source<unknown>): Promise<unknown[]> {
  const messages: unknown[] = []
  const enough = new AbortController()
  for await (const { rows } of source.read({ offsets: new Map(), signal: enough.signal })) {
    for (const row of rows) if ('message' in row) messages.push(row.message)
    if (messages.length >= sampleMessagesMax) break
  }
  enough.abort()
  if (messages.length > 0) return messages.slice(0, sampleMessagesMax)
  throw new SemelError(
    'SEMEL_MODULE',
    `the source ${source.name} has no message; give one that has at least one`,
  )
}
