// Plants bugs into a copy of the built library, one at a time, and runs the door's fuzzer on it: each
// has to be found. At last it runs on the copy as it is, where nothing is to be found.
//
//   node scripts/plant.js [--seconds N] [--seed S] [--bug NAME]…
//
// Seconds are those that a bug may stay hidden for; 60 unless given. The bugs are those of
// test/door/planted.ts: a text of a built file, and what takes its place. One whose text is not there
// exactly once is an error, so that none is planted in vain once the code has moved on.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const copy = join(root, 'build', 'planted')
const { planted } = await import(new URL('../build/js/test/door/planted.js', import.meta.url).href)

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: 'planted' },
    bug: { type: 'string', multiple: true, default: planted.map(({ name }) => name) },
  },
})

// A package of its own, so that what imports semel in it gets the copy.
rmSync(copy, { recursive: true, force: true })
mkdirSync(copy, { recursive: true })
for (const path of ['package.json', 'dist', 'build/js', 'build/Release/semel.node']) {
  cpSync(join(root, path), join(copy, path), { recursive: true })
}

/** What the fuzzer says; undefined where it finds nothing. */
function finding() {
  const program = join(copy, 'build/js/test/door/run.js')
  const options = ['--seconds', values.seconds, '--seed', values.seed, '--tries', '0']
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], {
    encoding: 'utf8',
  })
  if (status === 0) return undefined
  const lines = stdout.split('\n')
  const at = lines.findIndex((line) => line.startsWith('case '))
  if (at < 0) throw new Error(`the fuzzer has failed:\n${stdout}\n${stderr}`)
  return { where: lines[at], what: lines[at + 1].trim().slice(0, 160) }
}

let missed = 0
for (const { name, what, file, from, to } of planted) {
  if (!values.bug.includes(name)) continue
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2) {
    throw new Error(`${name}: ${file} does not hold once what is to be changed: ${from}`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
  const found = finding()
  writeFileSync(path, text)
  if (found === undefined) missed += 1
  console.log(
    `${name} (${what}): ${found === undefined ? 'NOT FOUND' : `${found.where}: ${found.what}`}`,
  )
}
const without = finding()
console.log(
  `without any: ${without === undefined ? 'nothing' : `${without.where}: ${without.what}`}`,
)
process.exitCode = missed === 0 && without === undefined ? 0 : 1
