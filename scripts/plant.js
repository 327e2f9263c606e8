// Plants bugs into a copy of the built library, one at a time, and runs what is to find them on it: the
// door's fuzzer, or a test of the project. Each has to be found. At last all of these run on the copy as
// it is, where nothing is to be found.
//
//   node scripts/plant.js [--seconds N] [--seed S]… [--bug NAME]…
//
// Seconds are those that a bug may stay hidden for from the fuzzer, with each of the seeds; 60 unless
// given. The bugs are those of test/door/planted.ts: a text of a file, and what takes its place. One
// whose text is not there exactly once is an error, so that none is planted in vain once the code has
// moved on.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
/** A test that is not at its end by then spins: its waits are bounded themselves. */
const testMsMax = 240_000
const { planted } = await import(new URL('../build/js/test/door/planted.js', import.meta.url).href)

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', multiple: true, default: ['planted'] },
    bug: { type: 'string', multiple: true, default: planted.map(({ name }) => name) },
  },
})

// A package of its own, so that what imports semel in it gets the copy; not within build, which tests
// take for built files.
const copy = mkdtempSync(join(tmpdir(), 'semel-planted-'))
process.once('exit', () => rmSync(copy, { recursive: true, force: true }))
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
for (const path of [
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'dist',
  'src',
  'test',
  'build/js',
  'build/Release/semel.node',
]) {
  cpSync(join(root, path), join(copy, path), { recursive: true })
}

/** What the fuzzer says; undefined where it finds nothing. */
function findingOfDoor(seed) {
  const program = join(copy, 'build/js/test/door/run.js')
  const options = ['--seconds', values.seconds, '--seed', seed, '--tries', '0']
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], {
    encoding: 'utf8',
  })
  if (status === 0) return undefined
  const lines = stdout.split('\n')
  const at = lines.findIndex((line) => line.startsWith('case '))
  if (at < 0) throw new Error(`the fuzzer has failed:\n${stdout}\n${stderr}`)
  return `${lines[at]}: ${lines[at + 1].trim().slice(0, 160)}`
}

/** The first test that fails, or that none was heard of for long; undefined where all have passed. */
async function findingOfTest(file) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--root', copy, '--bail', '1', file]
  const began = performance.now()
  // With a group of its own: what spins ends by a kill alone, and its parent's does not reach it.
  const child = spawn(process.execPath, [vitest, ...options], {
    cwd: copy,
    detached: true,
    env: { ...process.env, CI: '1' },
  })
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (told += text))
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    process.kill(-child.pid, 'SIGKILL')
  }, testMsMax)
  const [status] = await once(child, 'close')
  clearTimeout(timer)
  if (status === 0) return undefined
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  if (isLate) return `after ${seconds} s: the event loop of ${file} got no turn`
  const failed = stripVTControlCharacters(told).match(/^\s*FAIL\s+(.* > .*)$/m)
  if (failed === null) throw new Error(`the test has not run:\n${told}`)
  return `after ${seconds} s: ${failed[1].slice(0, 200)}`
}

/** What each run of what is to find it says: one with every seed, or one of a test. */
async function findings(by) {
  return by === 'door' ? values.seed.map(findingOfDoor) : [await findingOfTest(by)]
}

let missed = 0
const finders = new Set()
for (const { name, what, by, file, from, to } of planted) {
  if (!values.bug.includes(name)) continue
  finders.add(by)
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2) {
    throw new Error(`${name}: ${file} does not hold once what is to be changed: ${from}`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
  const found = await findings(by)
  writeFileSync(path, text)
  if (found.includes(undefined)) missed += 1
  console.log(`${name} (${what}), by ${by}:`)
  for (const one of found) console.log(`  ${one ?? 'NOT FOUND'}`)
}
for (const by of finders) {
  const found = (await findings(by)).filter((one) => one !== undefined)
  if (found.length > 0) missed += 1
  console.log(`without any, by ${by}: ${found.length === 0 ? 'nothing' : found.join('; ')}`)
}
process.exitCode = missed === 0 ? 0 : 1
