import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { open } from 'semel'
import { inspectDirectory, readDeadLetters, verifyDirectory } from 'semel/directory'
import { describe, expect, it } from 'vitest'
import { kept, keptSource, type Kept } from '../fixtures/kept.js'
import { expectBalanced, fixture, scratch, small } from './verbs.js'

const formats = fileURLToPath(new URL('../fixtures/formats/', import.meta.url))

/** A directory as the version that wrote this format left it, killed with messages under way. */
function unpacked(format: string): string {
  const dir = scratch()
  for (const name of readdirSync(join(formats, format))) {
    const path = join(dir, name.slice(0, -'.gz'.length).replaceAll('~', '/'))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, gunzipSync(readFileSync(join(formats, format, name))))
  }
  return dir
}

describe.each(readdirSync(formats))('a directory of format %s', (format) => {
  it('is read, and goes on where it was left', async () => {
    const dir = unpacked(format)
    expect(verifyDirectory(dir).damaged).toBe(false)
    const { name, shards } = inspectDirectory(dir)
    expect(name).toBe('kept')
    const sum = (of: 'stored' | 'parked'): number => shards.reduce((all, one) => all + one[of], 0)
    expect([sum('stored'), sum('parked')]).toEqual([200, 4])
    const url = fixture('kept.pipeline', { phase: 'open', format })
    const stream = await open<Kept>(url, { ...small, dir, workers: 0, shards: 2 })
    // The source has been read to its end, and the ids are known.
    expect(await stream.consume(keptSource(100))).toEqual({ rows: 0, malformed: 0 })
    for (const id of [0, 8, 99, 100, 189, 190, 199]) await stream.send(kept(id))
    await stream.drain()
    const counters = stream.counters()
    expectBalanced(counters)
    expect(counters).toMatchObject({ processed: 199, duplicate: 7, deadLettered: 1, parked: 0 })
    await stream.close()
    const { given } = (await import(url.href)) as { given: readonly number[] }
    const left = [8, 58, 108, 158, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199]
    expect(given.toSorted((a, b) => a - b)).toEqual(left)
    const letters = []
    for await (const letter of readDeadLetters(dir)) letters.push(letter)
    expect(letters).toMatchObject([{ malformed: { text: 'torn', line: 41 } }])
  })
})

it('a format has a directory that is kept for it', () => {
  const header = readFileSync(
    fileURLToPath(new URL('../../native/shard/manifest.h', import.meta.url)),
    'utf8',
  )
  const newest = /kDirectoryFormat = (\d+)/.exec(header)?.[1]
  expect(readdirSync(formats)).toContain(newest)
})
