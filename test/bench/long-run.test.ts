import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { placesOf, type ProfileNode } from '../../bench/garbage/places.js'
import type { State } from '../../bench/long-run/state.js'
import { tableOf, verdictText } from '../../bench/long-run/table.js'
import { verdictOf } from '../../bench/long-run/verdict.js'

const built = join(import.meta.dirname, '..', '..', 'build', 'js', 'bench')
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-test-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('a long run', () => {
  test('is flat where its last half takes what its second eighth took', () => {
    const verdict = verdictOf(run((share) => 100 + 4 * share))
    expect(verdict.kind).toBe('flat')
    expect(verdictText(verdict)).toMatch(/^flat: .*104 MiB .*101 MiB .*\(\+3\.0 %/)
  })

  test('has grown where a byte is kept for every few messages', () => {
    expect(verdictOf(run((share) => 100 + 8 * share)).kind).toBe('grew')
  })

  test('may take more at its beginning than ever after', () => {
    expect(verdictOf(run((share) => (share < 0.1 ? 200 : 100))).kind).toBe('flat')
  })

  test('is not judged by a time in which ids did not expire yet', () => {
    expect(verdictOf(run((share) => 100 + 8 * share, 10)).kind).toBe('too short')
  })

  test('is told in twelve rows, the last state among them', () => {
    const lines = tableOf(run(() => 100)).split('\n')
    expect(lines).toHaveLength(1 + 12 + 2)
    expect(lines[12]).toMatch(/^200,000 .* 100 /)
  })

  test('writes its curve, and what it was measured on', () => {
    const json = join(dir, 'long.json')
    const script = join(built, 'run.js')
    const told = ['--long', '--messages', '200000', '--json', json, '--svg', dir]
    const output = execFileSync(process.execPath, [script, ...told], { stdio: 'pipe' }).toString()
    expect(output).toContain('too short to tell')
    const { states, machine } = JSON.parse(readFileSync(json, 'utf8')) as {
      states: State[]
      machine: { cores: number }
    }
    expect(machine.cores).toBeGreaterThan(0)
    expect(states.at(-1)?.messages).toBe(200_000)
    expect(states.length).toBeGreaterThan(100)
    for (const { resident, disk } of states) {
      expect(resident).toBeGreaterThan(1e7)
      expect(disk).toBeGreaterThan(0)
    }
    expect(readFileSync(join(dir, 'long-run.svg'), 'utf8')).toContain('resident')
  })
})

describe('what is allocated', () => {
  test('is summed by function, wherever that was called from', () => {
    const leaf = (selfSize: number): ProfileNode => node('leaf', selfSize, [])
    const head = node('(root)', 0, [node('a', 5, [leaf(10)]), node('b', 7, [leaf(20)])])
    expect(placesOf(head)).toEqual([
      { name: 'leaf some/file.js:3', bytes: 30 },
      { name: 'b some/file.js:3', bytes: 7 },
      { name: 'a some/file.js:3', bytes: 5 },
    ])
  })

  test("is seen in the sender's thread and in the worker's", () => {
    const task = { isRaw: false, delivery: 'exactly-once', messages: 20_000, dir }
    const script = join(built, 'child', 'garbage.js')
    const said = execFileSync(process.execPath, [script, JSON.stringify(task)]).toString()
    const { value } = JSON.parse(said) as {
      value: Record<'sender' | 'worker', { name: string; bytes: number }[]>
    }
    const each = (who: 'sender' | 'worker'): number =>
      value[who].reduce((sum, { bytes }) => sum + bytes, 0) / task.messages
    expect(value.worker.map(({ name }) => name).join()).toContain('msgpackr/unpack.js')
    // The decoded object takes some 150 of these.
    expect(each('worker')).toBeGreaterThan(100)
    expect(each('sender')).toBeLessThan(each('worker') / 2)
    expect(existsSync(join(dir, 'data'))).toBe(true)
  })
})

/** Two hundred states of a run of so many seconds, by the share of it that is over. */
function run(mebibytes: (share: number) => number, seconds = 100): State[] {
  return Array.from({ length: 200 }, (_, i): State => {
    const share = (i + 1) / 200
    return {
      messages: 200_000 * share,
      elapsedMs: 1000 * seconds * share,
      messagesPerSecond: 2000,
      resident: mebibytes(share) * 2 ** 20,
      anonymous: undefined,
      heapUsed: 0,
      external: 0,
      ids: 0,
      index: 0,
      disk: 0,
    }
  })
}

function node(functionName: string, selfSize: number, children: ProfileNode[]): ProfileNode {
  const callFrame = { functionName, url: 'file:///some/file.js?query', lineNumber: 2 }
  return { callFrame, selfSize, children }
}
