// Checks the model of commit and recovery (native/models/commit.pml) with spin: the protocol as it is
// must hold to exhaustion, and each planted bug must be caught.
//
//   node scripts/models.js [--long] [--planted]     --planted: only these
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const model = join(root, 'native/models/commit.pml')
const build = join(root, 'build/models')
const isLong = process.argv.includes('--long')
const onlyPlanted = process.argv.includes('--planted')

const small = ['DISK', 'SEQUENCES=2', 'CRASHES=1']
// The second frame takes the place of the first.
const wraps = ['DISK', 'SLOTS=1', 'SEQUENCES=2', 'CRASHES=1', 'DEATHS=0']
const larger = ['DISK', 'SEQUENCES=3', 'CRASHES=1', 'DEATHS=0']
const reopens = ['DISK', 'SEQUENCES=2', 'CRASHES=2', 'DEATHS=0']

/** @type {{ name: string, defines: string[], planted: boolean, small?: boolean }[]} */
const cases = []
for (const sink of onlyPlanted ? [] : ['REWINDABLE', 'IDEMPOTENT', 'TRANSACTIONAL']) {
  const name = sink.toLowerCase()
  cases.push({
    name: `${name}, process`,
    defines: [sink],
    planted: false,
    small: sink !== 'TRANSACTIONAL',
  })
  cases.push({ name: `${name}, disk`, defines: [sink, ...small], planted: false })
  cases.push({
    name: `${name}, disk, a full ring`,
    defines: [sink, ...wraps],
    planted: false,
    small: true,
  })
  if (!isLong) continue
  cases.push({ name: `${name}, disk, larger`, defines: [sink, ...larger], planted: false })
  cases.push({ name: `${name}, disk, two crashes`, defines: [sink, ...reopens], planted: false })
}
const planted = {
  'acks are synced before the journal': ['ACK_BEFORE_JOURNAL', 'REWINDABLE', ...small],
  'which acks there are is fixed after the tail': ['FIX_AFTER_TAIL', 'REWINDABLE', ...small],
  'a receipt before the sync': ['RECEIPT_BEFORE_SYNC', 'REWINDABLE', ...small],
  'ring space is reclaimed before the ack is durable': [
    'RECLAIM_BEFORE_DURABLE',
    'REWINDABLE',
    ...wraps,
  ],
  'the sink is not cut back': ['NO_REWIND', 'REWINDABLE'],
  'outputs after the ack': ['OUTPUT_AFTER_ACK', 'REWINDABLE'],
  'outputs are not flushed before the ack': ['NO_FLUSH', 'REWINDABLE', ...small],
  'an id counts as seen at the poll': ['SEEN_AT_POLL', 'REWINDABLE'],
  'a dead letter is not synced before its ack': ['LETTER_NOT_SYNCED', 'REWINDABLE', ...small],
  'recovery does not sync the journal that it found': [
    'JOURNAL_NOT_SYNCED_AT_OPEN',
    'REWINDABLE',
    'DISK',
    'SEQUENCES=1',
    'CRASHES=2',
  ],
  'an idempotent sink is ahead of the journal': ['VISIBLE_BEFORE_SYNC', 'IDEMPOTENT', ...small],
  'the epoch is not raised': ['EPOCH_NOT_RAISED', 'TRANSACTIONAL'],
  'the sink is asked before it knows the new epoch': ['ASK_BEFORE_FENCE', 'TRANSACTIONAL'],
  'positions are compared by `through` alone': ['POSITIONS_BY_THROUGH', 'TRANSACTIONAL'],
  'dead letters are cut before the sink is asked': ['LETTERS_CUT_FIRST', 'TRANSACTIONAL', ...small],
}
for (const [name, [bug, ...defines]] of Object.entries(planted)) {
  cases.push({ name, defines: [`BUG_${bug}`, ...defines], planted: true })
}

/** @returns {Promise<string>} what the command printed */
function run(folder, file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    child.stdout.on('data', (bytes) => (printed += bytes))
    child.stderr.on('data', (bytes) => (printed += bytes))
    child.on('error', (error) =>
      reject(new Error(`${file}: ${error.message}; on Debian: apt-get install spin gcc`)),
    )
    child.on('close', (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`${file} ended with ${code}:\n${printed}`)),
    )
  })
}

/** The assertion that failed, in the model's own words where they are short. */
function violation(printed) {
  const found = /pan:\d+: (.*)/.exec(printed)
  return found === null ? 'no violation' : (found[1] ?? '').slice(0, 100)
}

async function check({ name, defines, planted: isPlanted, small: isSmall }, index) {
  const folder = join(build, String(index))
  mkdirSync(folder, { recursive: true })
  const start = performance.now()
  await run(folder, 'spin', ['-a', ...defines.map((define) => `-D${define}`), model])
  // Where there are few states only the compiler's time counts.
  const level = isPlanted || isSmall ? '-O0' : '-O1'
  const flags = [level, '-w', '-DSAFETY', '-DVECTORSZ=2048', ...(isLong ? ['-DCOLLAPSE'] : [])]
  await run(folder, 'gcc', [...flags, '-o', 'pan', 'pan.c'])
  const printed = await run(folder, './pan', ['-m1000000', '-w24'])
  const errors = Number(/errors: (\d+)/.exec(printed)?.[1] ?? Number.NaN)
  const isWhole = !/max search depth too small|Search not completed/.test(printed)
  const isRight = isPlanted ? errors > 0 : errors === 0 && isWhole
  const states = Number(/([\d.e+]+) states, stored/.exec(printed)?.[1] ?? 0)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  const verdict = errors === 0 ? (isWhole ? 'holds' : 'NOT EXHAUSTED') : violation(printed)
  console.log(
    `${isRight ? 'ok  ' : 'FAIL'} ${name.padEnd(50)} ${String(states).padStart(9)} states ${seconds.padStart(6)} s  ${verdict}`,
  )
  return isRight
}

rmSync(build, { recursive: true, force: true })
const begin = performance.now()
const version = await run(root, 'spin', ['-V'])
console.log(`${version.trim()}, ${readFileSync(model, 'utf8').split('\n').length} lines of model`)
let failed = 0
let next = 0
await Promise.all(
  Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
    while (next < cases.length) {
      const index = next++
      const isRight = await check(cases[index], index)
      if (!isRight) failed += 1
    }
  }),
)
const total = ((performance.now() - begin) / 1000).toFixed(0)
console.log(
  failed === 0
    ? `the protocol holds and every planted bug is caught, in ${total} s`
    : `${failed} of ${cases.length} FAILED`,
)
process.exitCode = failed === 0 ? 0 : 1
