import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { frames, memory, open, pipeline } from '../../src/index.js'
import { Damaged } from './damage-verbs.js'
import { passing } from './verbs.js'

const journal = 'data/shard-0/journal'
const plan = (place: number) => `orders, data

shard 0
  DAMAGED data/shard-0/journal at offset ${place}
    message 45 was stored and does not check; good ones follow
  1 message lost, by sequence: 45

To be done, once every file that changes has been copied:
  write the journal of shard-0 anew; lost messages (1) become dead letters that say so
`

/** Message 45 of 100 does not check; the first 40 are done. */
async function damaged(): Promise<{ directory: Damaged; place: number }> {
  const directory = new Damaged()
  await directory.killedInFlight()
  const place = directory.frame(journal, 45)
  directory.flip(journal, place + 30)
  return { directory, place }
}

describe('semel repair', () => {
  it('says what it would do and changes nothing, with --dry-run', async () => {
    const { directory, place } = await damaged()
    const before = directory.bytes(journal)
    expect(await directory.semel('repair', 'data', '--dry-run')).toEqual({
      code: 1,
      stdout: plan(place),
      stderr: '',
    })
    expect(directory.bytes(journal).equals(before)).toBe(true)
    expect(directory.names('data').filter((name) => name.includes('repair'))).toEqual([])
  })

  it('does nothing without a yes where there is no terminal to ask on', async () => {
    const { directory, place } = await damaged()
    const before = directory.bytes(journal)
    expect(await directory.semel('repair', 'data')).toEqual({
      code: 2,
      stdout: plan(place),
      stderr:
        'semel: SEMEL_USAGE: semel repair: there is no terminal to ask on; give --yes or --dry-run\n',
    })
    expect(directory.bytes(journal).equals(before)).toBe(true)
  })

  it('repairs, keeps the originals, and the stream goes on without the lost message', async () => {
    const { directory, place } = await damaged()
    const before = directory.bytes(journal)
    expect(await directory.semel('repair', 'data', '--yes')).toEqual({
      code: 0,
      stdout: `${plan(place)}
Repaired; the files as they were are in data/before-repair-1.
Next: check it with semel verify data, then open the stream. Lost messages are among its dead
letters, as rows that repair put there; send them again from where they came, if that still has them.
`,
      stderr: '',
    })
    expect(directory.bytes('data/before-repair-1/shard-0/journal').equals(before)).toBe(true)
    expect((await directory.semel('verify', 'data')).stdout).toBe(`orders, data: no damage

directory
  leftover data/before-repair-1
    files as they were before a repair
`)
    expect((await directory.semel('repair', 'data', '--yes')).stdout).toBe(
      'orders, data: no damage, nothing to repair\n',
    )
    await directory.runOn()
    const expected = Array.from({ length: 100 }, (_, id) => id).filter((id) => id !== 44)
    expect(directory.outputs.toSorted((a, b) => a - b)).toEqual(expected)
    const { total } = JSON.parse((await directory.semel('inspect', 'data', '--json')).stdout)
    expect(total).toMatchObject({ stored: 100, processed: 99, deadLettered: 1, deadLettersOpen: 1 })
  })

  it('leaves files and copies that only their owner may read', async () => {
    const before = process.umask(0o002)
    onTestFinished(() => void process.umask(before))
    const { directory } = await damaged()
    expect((await directory.semel('repair', 'data', '--yes')).code).toBe(0)
    const data = join(directory.folder, 'data')
    const modes = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => {
      const { mode } = statSync(join(data, name))
      return [name, (mode & 0o777).toString(8)]
    })
    expect(modes.map(([name]) => name)).toContain('before-repair-1/shard-0/journal')
    expect((statSync(data).mode & 0o777).toString(8)).toBe('700')
    for (const [name, mode] of modes) {
      const isDirectory = statSync(join(data, name as string)).isDirectory()
      expect([name, mode]).toEqual([name, isDirectory ? '700' : '600'])
    }
  })

  it('gives the same as one object', async () => {
    const { directory } = await damaged()
    const dry = await directory.semel('repair', 'data', '--dry-run', '--json')
    expect(dry.code).toBe(1)
    expect(JSON.parse(dry.stdout)).toMatchObject({ dir: 'data', refusals: [], originals: '' })
    const done = await directory.semel('repair', 'data', '--yes', '--json')
    expect(done.code).toBe(0)
    expect(JSON.parse(done.stdout)).toMatchObject({
      found: { damaged: true, shards: [{ lost: [{ first: 45, last: 45 }] }] },
      steps: [
        'write the journal of shard-0 anew; lost messages (1) become dead letters that say so',
      ],
      originals: 'before-repair-1',
    })
  })

  it('keeps the stream closed while a repair is unfinished', async () => {
    const { directory } = await damaged()
    directory.write('data/repair', 'what it was to do')
    const refused = await directory.semel('run', 'm.mjs', '--source', 'in.ndjson', '--dir', 'data')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain(
      `semel: SEMEL_DAMAGED: a repair of ${join(directory.folder, 'data')} was begun and not finished; finish it with: semel repair ${join(directory.folder, 'data')}`,
    )
    expect((await directory.semel('verify', 'data')).stdout).toContain(
      'a repair was begun and not finished',
    )
    const repaired = await directory.semel('repair', 'data', '--yes')
    expect(repaired).toMatchObject({ code: 1 })
    expect(repaired.stderr).toBe(
      'semel: SEMEL_DAMAGED: data/repair at offset 0: not a file of a stream; put the files of the newest data/before-repair-N back, remove data/repair, and repair again\n',
    )
  })

  it('can be killed at any moment and run again', { timeout: 60_000 }, async () => {
    const { directory } = await damaged()
    directory.flip('data/shard-0/ack-0000000000000001.log', 20)
    for (let delayMs = 60; delayMs < 400; delayMs += 20) {
      const running = directory.start(['repair', 'data', '--yes'])
      setTimeout(() => running.child.kill('SIGKILL'), delayMs)
      const { code } = await running.ended
      if (code === 0) break
    }
    const last = await directory.semel('repair', 'data', '--yes')
    expect(last).toMatchObject({ code: 0, stderr: '' })
    expect(await directory.semel('verify', 'data')).toMatchObject({ code: 0 })
    await directory.runOn()
    expect(directory.outputs).toHaveLength(99)
  })

  it('refuses an open stream and names its process', async () => {
    const directory = new Damaged()
    directory.module(
      'm.mjs',
      passing,
      `export const source = () => semel.iterableSource(async function* () {
        yield {}
        console.error('open')
        await new Promise((resolve) => setTimeout(resolve, 60_000))
      })`,
    )
    const running = directory.start(['run', 'm.mjs', '--dir', 'data'])
    await running.says('open')
    const refused = await directory.semel('repair', 'data', '--yes')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      new RegExp(`^semel: SEMEL_LOCKED: .*\\b${running.child.pid}\\b.*\\n$`),
    )
    running.child.kill('SIGKILL')
    await running.ended
  })

  it('refuses with a sentence what can not be repaired, and changes nothing', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    rmSync(join(directory.folder, 'data/stream'))
    const before = directory.names('data')
    const refused = await directory.semel('repair', 'data', '--yes')
    expect(refused).toMatchObject({ code: 1, stderr: '' })
    expect(refused.stdout).toBe(`data

directory
  MISSING data/stream
    shard-0 is there, so it was

It can not be repaired, and nothing was changed:
  data/stream is missing. It holds secrets that no other file has (the salt of all checksums, the key of the ids), so it can't be made again: restore it from a copy; every directory has its own
`)
    expect(directory.names('data')).toEqual(before)
  })

  it('never decodes a message with shapes that are not its own', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    rmSync(join(directory.folder, 'data/structures'))
    const { code, stdout } = await directory.semel('repair', 'data', '--yes')
    expect(code).toBe(0)
    expect(stdout).toContain('  60 messages lost, by sequence: 41–100\n')
    // A new shape comes first, so that it would have taken the number of the lost one.
    directory.write('more.ndjson', '{"name":"x","id":1000}\n')
    await directory.runOn('more.ndjson')
    expect(directory.lines('out.ndjson').slice(40)).toEqual(['{"name":"x","id":1000}'])
    const { total } = JSON.parse((await directory.semel('inspect', 'data', '--json')).stdout)
    expect(total).toMatchObject({ stored: 101, processed: 41, deadLettered: 60, parked: 0 })
  })

  it('shows a lost message among the dead letters', async () => {
    const directory = new Damaged()
    const dir = join(directory.folder, 'data')
    const definition = pipeline('raw')
      .accepts(frames({ size: 64 }))
      .deliver('at-least-once')
      .map(() => new Promise<never>(() => {}))
      .to(memory())
    const held = await open(definition, { dir, durability: 'process', workers: 0 })
    for (let i = 0; i < 5; i++) await held.send(Buffer.alloc(64, i))
    await held.close({ timeout: 1 }).catch(() => {})
    directory.flip(journal, directory.frame(journal, 3) + 30)
    await directory.semel('repair', 'data', '--yes')
    const passing64 = pipeline('raw')
      .accepts(frames({ size: 64 }))
      .deliver('at-least-once')
      .map((frame) => frame.u32(0))
      .to(memory())
    const stream = await open(passing64, { dir, durability: 'process', workers: 0 })
    await stream.drain()
    expect([...stream.deadLetters.list()]).toMatchObject([
      {
        sequence: 3,
        malformed: {
          text: '',
          line: 0,
          reason: 'the message was damaged in the journal and cut out by semel repair',
        },
      },
    ])
    await stream.close()
  })
})
