// Builds and runs the fuzz targets for a while, and tells what they did.
//
//   node scripts/fuzz.js [--seconds N] [--target NAME]… [--seed N] [--engine libfuzzer|runner]
//
// Seconds are of the clock, shared among the targets (60 unless given). The native targets are in
// native/fuzz; with clang they are guided by coverage (libFuzzer), without it they are mutated blindly
// (native/fuzz/runner.cc). `file_source` is test/connectors/file-fuzz.test.ts, and `door` test/door, of
// which `npm run fuzz:door` says more. What is found by the native ones lies in
// build/fuzz-*/found/TARGET; an input that was worth keeping in build/fuzz-*/corpus/TARGET, where the
// next run goes on from it. native/fuzz/corpus/TARGET holds the committed ones and is only read.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const nativeTargets = ['ack_log', 'dead_letters', 'details', 'journal', 'manifest', 'shard']
const fileTarget = 'file_source'
const doorTarget = 'door'
const targets = [...nativeTargets, fileTarget, doorTarget]
const shownLines = 40

/** @param {string} message @returns {never} */
function misuse(message) {
  console.error(message)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string', multiple: true, default: targets },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    engine: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
if (!(seconds >= 1)) misuse(`--seconds ${values.seconds}: give a number from 1 on`)
if (!/^\d+$/.test(values.seed)) misuse(`--seed ${values.seed}: give a whole number`)
for (const target of values.target) {
  if (!targets.includes(target)) misuse(`--target ${target}: there are ${targets.join(', ')}`)
}

/** A clang that has libFuzzer with it: on Debian that is a package of its own. */
function findClang() {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const names = ['clang++']
  for (let version = 30; version >= 14; version--) names.push(`clang++-${version}`)
  return names.find((name) => {
    const library = `--print-file-name=libclang_rt.fuzzer-${arch}.a`
    const found = spawnSync(name, [library], { encoding: 'utf8' }).stdout?.trim()
    return found !== undefined && found.includes('/') && existsSync(found)
  })
}

const clang = values.engine === 'runner' ? undefined : findClang()
if (values.engine === 'libfuzzer' && clang === undefined) {
  misuse('--engine libfuzzer: it takes clang and its runtime (clang-14, libclang-rt-14-dev)')
}
const folder = join('build', clang === undefined ? 'fuzz-runner' : 'fuzz-libfuzzer')

/** @param {string[]} command */
function run([file, ...args]) {
  console.log(`$ ${[file, ...args].join(' ')}`)
  if (spawnSync(file, args, { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1)
}

const wanted = values.target.filter((target) => nativeTargets.includes(target))
if (wanted.length > 0) {
  const compiler = clang === undefined ? [] : [`-DCMAKE_CXX_COMPILER=${clang}`]
  run(['cmake', '-S', 'native', '-B', folder, '-DSEMEL_FUZZ=ON', ...compiler])
  const built = wanted.map((target) => `fuzz_${target}`)
  run(['cmake', '--build', folder, '--parallel', '2', '--target', ...built])
}

const side = Math.min(availableParallelism(), values.target.length)
const share = Math.max(1, Math.floor((seconds * side) / values.target.length))
console.log(
  `${clang === undefined ? 'runner (no clang with libFuzzer here)' : `libFuzzer of ${clang}`}, ` +
    `seed ${values.seed}, ${share} s for each target, ${side} at a time`,
)

/** @param {string} target */
function commandOf(target) {
  if (target === fileTarget) {
    return { command: ['npx', 'vitest', 'run', 'test/connectors/file-fuzz.test.ts'], found: '' }
  }
  if (target === doorTarget) {
    const options = ['--seconds', String(share), '--seed', values.seed, '--lanes', '1']
    return { command: [process.execPath, 'build/js/test/door/run.js', ...options], found: '' }
  }
  const corpus = join(folder, 'corpus', target)
  const found = join(folder, 'found', target)
  for (const path of [corpus, found]) mkdirSync(join(root, path), { recursive: true })
  const options = [
    `-max_total_time=${share}`,
    `-seed=${values.seed}`,
    `-artifact_prefix=${found}/`,
    '-max_len=4096',
    '-timeout=25',
    '-rss_limit_mb=2048',
    '-print_final_stats=1',
  ]
  const command = [
    join(folder, `fuzz_${target}`),
    ...options,
    corpus,
    `native/fuzz/corpus/${target}`,
  ]
  return { command, found }
}

/** @param {string} target */
async function fuzz(target) {
  const { command, found } = commandOf(target)
  const before = new Set(found === '' ? [] : readdirSync(join(root, found)))
  const begin = performance.now()
  const env = {
    ...process.env,
    SEMEL_FUZZ_SECONDS: String(share),
    SEMEL_FUZZ_SEED: values.seed,
  }
  const child = spawn(command[0], command.slice(1), { cwd: root, env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    // All but the end is what libFuzzer says on its way.
    stream.on('data', (data) => (output = (output + String(data)).slice(-200_000)))
  }
  const status = await new Promise((resolve) => child.on('close', resolve))
  const number = (/** @type {RegExp} */ pattern) => output.match(pattern)?.[1] ?? ''
  const kept =
    found === '' ? [] : readdirSync(join(root, found)).filter((name) => !before.has(name))
  return {
    target,
    status,
    output,
    executions: number(/(?:number_of_executed_units: |Done |file_source: |door: )(\d+)/),
    seconds: ((performance.now() - begin) / 1000).toFixed(0),
    coverage: number(/DONE\s+cov: (\d+)/),
    corpus: number(/DONE\s.*corp: (\d+)/),
    found: status === 0 ? '' : kept.map((name) => join(found, name)).join(' ') || 'see below',
    command: command[0],
  }
}

const waiting = [...values.target]
const results = []
const lane = async () => {
  for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
    results.push(await fuzz(target))
  }
}
await Promise.all(Array.from({ length: side }, lane))

const columns = ['target', 'executions', 'seconds', 'coverage', 'corpus', 'found']
const rows = [columns, ...results.map((result) => columns.map((name) => String(result[name])))]
const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at].length)))
for (const row of rows)
  console.log(
    row
      .map((cell, at) => cell.padEnd(widths[at]))
      .join('  ')
      .trimEnd(),
  )

const failed = results.filter(({ status }) => status !== 0)
for (const { target, output, found, command } of failed) {
  console.log(`\n${target}:\n${output.trimEnd().split('\n').slice(-shownLines).join('\n')}`)
  if (found.startsWith('build')) console.log(`again: ${command} ${found.split(' ')[0]}`)
}
process.exit(failed.length === 0 ? 0 : 1)
