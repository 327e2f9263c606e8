import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { onTestFinished, describe, expect, it } from 'vitest'
import { runJobs, type Job } from '../../src/measure/jobs.js'

const answer = new URL('../../dist/measure/answer.js', import.meta.url).href

/** A script of a child; what is written to `log` tells the order. */
function script(body: string): URL {
  const folder = mkdtempSync(join(tmpdir(), 'semel-jobs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'child.mjs')
  writeFileSync(
    path,
    `import { appendFileSync, existsSync } from 'node:fs'
import { answer } from '${answer}'
await answer(async (told) => { ${body} })\n`,
  )
  return pathToFileURL(path)
}

function jobOf(name: string, script_: URL, told: object, more: Partial<Job> = {}): Job {
  return { result: { case: name }, script: script_, task: told, timeoutMs: 20_000, ...more }
}

const stages = (wall: number, index: number) => ({
  wall,
  sender: { append: 10, rest: wall - 10 },
  worker: { poll: 1, index, handle: 2, commit: 3, log: 4, rest: 5 },
})

describe('cases', () => {
  it('take turns, there and back, and are compared round by round', async () => {
    const counting = script(`
      appendFileSync(told.log, told.name)
      console.log('what a handler prints is nobody’s answer')
      if (!existsSync(told.dir)) throw new Error('no folder')
      return { perSecond: [told.rate], note: told.name }`)
    const log = join(mkdtempSync(join(tmpdir(), 'semel-log-')), 'log')
    const results = await runJobs(
      [
        jobOf('slow', counting, { log, name: 's', rate: 50 }, { base: 'base' }),
        jobOf('base', counting, { log, name: 'b', rate: 100 }, { base: 'base' }),
        jobOf('once', counting, { log, name: 'o', rate: 1 }, { isOnce: true }),
      ],
      { rounds: 3 },
    )
    expect(readFileSync(log, 'utf8')).toBe('sbobssb')
    expect(results).toEqual([
      {
        case: 'slow',
        note: 's',
        runs: 3,
        messagesPerSecond: { median: 50, min: 50, max: 50 },
        against: { to: 'base', share: { median: 0.5, min: 0.5, max: 0.5 }, verdict: 'slower' },
      },
      { case: 'base', note: 'b', runs: 3, messagesPerSecond: { median: 100, min: 100, max: 100 } },
      { case: 'once', note: 'o', runs: 1, messagesPerSecond: { median: 1, min: 1, max: 1 } },
    ])
  })

  it('that fail say why, and hold up no other', async () => {
    const results = await runJobs(
      [
        jobOf('throws', script(`throw new Error('there is no such thing')`), {}),
        jobOf('dies', script(`console.error('out of luck'); process.exit(7)`), {}),
        jobOf(
          'hangs',
          script(`await new Promise((r) => setInterval(r, 1e9))`),
          {},
          { timeoutMs: 500 },
        ),
        jobOf('works', script(`return { each: [1, 2, 3] }`), {}),
      ],
      { rounds: 2 },
    )
    expect(results.map(({ missing }) => missing)).toEqual([
      'there is no such thing',
      'it ended with code 7 and no answer: out of luck',
      expect.stringContaining('it had not ended after'),
      undefined,
    ])
    expect(results[3]?.nanoseconds).toEqual({ median: 2, min: 1, max: 3 })
  })

  it('whose runs were taken apart have the median of each figure', async () => {
    const child = script(`return { perSecond: [1, 2], breakdowns: told.breakdowns }`)
    const breakdowns = [stages(100, 9.876), stages(300, 9.111), stages(200, 70)]
    const [result] = await runJobs([jobOf('apart', child, { breakdowns })], { rounds: 1 })
    expect(result).toEqual({
      case: 'apart',
      runs: 2,
      messagesPerSecond: { median: 1.5, min: 1, max: 2 },
      stages: { ...stages(200, 9.88), sender: { append: 10, rest: 190 } },
    })
  })

  it('end when they are to', async () => {
    const stop = new AbortController()
    const running = runJobs(
      [jobOf('hangs', script(`await new Promise((r) => setInterval(r, 1e9))`), {})],
      {
        rounds: 1,
        signal: stop.signal,
        onProgress: () => setTimeout(() => stop.abort(), 100),
      },
    )
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  })
})
