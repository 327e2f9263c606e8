// Checks the models of commit and recovery (native/models/) with spin: the protocol as it is must hold to
// exhaustion, and each planted bug must be caught.
//
//   node scripts/models.js [--long] [--planted] [--commit | --boundary]
//
// --planted: only the planted bugs; --commit, --boundary: only this model.
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const build = join(root, 'build/models')
const isLong = process.argv.includes('--long')
const onlyPlanted = process.argv.includes('--planted')
const models = ['commit', 'boundary']
const chosen = models.filter((model) => process.argv.includes(`--${model}`))
const isChosen = (model) => chosen.length === 0 || chosen.includes(model)

const small = ['DISK', 'SEQUENCES=2', 'CRASHES=1']
// The second frame takes the place of the first.
const wraps = ['DISK', 'SLOTS=1', 'SEQUENCES=2', 'CRASHES=1', 'DEATHS=0']
const larger = ['DISK', 'SEQUENCES=3', 'CRASHES=1', 'DEATHS=0']
const reopens = ['DISK', 'SEQUENCES=2', 'CRASHES=2', 'DEATHS=0']

/** @type {{ model: string, name: string, defines: string[], planted: boolean, small?: boolean }[]} */
const cases = []
for (const sink of onlyPlanted || !isChosen('commit')
  ? []
  : ['REWINDABLE', 'IDEMPOTENT', 'TRANSACTIONAL']) {
  const name = sink.toLowerCase()
  cases.push({
    model: 'commit',
    name: `${name}, process`,
    defines: [sink],
    planted: false,
    small: sink !== 'TRANSACTIONAL',
  })
  cases.push({ model: 'commit', name: `${name}, disk`, defines: [sink, ...small], planted: false })
  cases.push({
    model: 'commit',
    name: `${name}, disk, a full ring`,
    defines: [sink, ...wraps],
    planted: false,
    small: true,
  })
  if (!isLong) continue
  cases.push({
    model: 'commit',
    name: `${name}, disk, larger`,
    defines: [sink, ...larger],
    planted: false,
  })
  cases.push({
    model: 'commit',
    name: `${name}, disk, two crashes`,
    defines: [sink, ...reopens],
    planted: false,
  })
}
const plantedInCommit = {
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

const pipelined = ['MESSAGES=3', 'BATCH=2', 'REJECTS=1', 'LOST=1']
const boundary = {
  'pipelined, rejected, unknown, process': pipelined,
  'pipelined, rejected, unknown, disk': ['DISK', ...pipelined],
  'rejected twice, and a kill, process': ['BATCH=2', 'REJECTS=2', 'CRASHES=1'],
  'three under way, disk': [
    'DISK',
    'MESSAGES=3',
    'SLOTS=3',
    'DEPTH=3',
    'WIRES=3',
    'REJECTS=1',
    'CRASHES=1',
  ],
  'copies, process': ['MESSAGES=3', 'COPIES', 'REJECTS=1', 'CRASHES=1'],
  'copies, disk': ['DISK', 'MESSAGES=3', 'COPIES', 'REJECTS=1', 'CRASHES=1'],
  'without outputs, process': ['MESSAGES=3', 'FILTERED=2', 'REJECTS=1', 'DEATHS=1', 'CRASHES=1'],
  'dead letters, disk': ['DISK', 'DEADS=1', 'DEATHS=1', 'CRASHES=1'],
  'a full ring, process': ['MESSAGES=3', 'SLOTS=1', 'REJECTS=1', 'DEATHS=1', 'CRASHES=1'],
  'zombies, process': ['CRASHES=2', 'DEATHS=1', 'LOST=1', 'LATE'],
  'zombies, disk': ['DISK', 'CRASHES=2', 'DEATHS=1', 'LATE'],
  'a power loss, process': ['POWER=1', 'CRASHES=1'],
  'an older backup, process': ['BACKUP', 'CRASHES=1'],
  'a dropped table, process': ['DROPPED', 'SLOTS=1', 'CRASHES=1', 'DEATHS=1'],
  'a dropped table, disk': ['DROPPED', 'DISK', 'CRASHES=1', 'DEATHS=1'],
  'another directory, disk': ['FOREIGN', 'DISK', 'CRASHES=1', 'DEATHS=1'],
}
const boundaryLong = {
  'three under way, process': [
    'MESSAGES=3',
    'SLOTS=3',
    'DEPTH=3',
    'WIRES=3',
    'REJECTS=1',
    'LOST=1',
    'CRASHES=1',
  ],
  'rejected twice, unknown': ['MESSAGES=3', 'BATCH=2', 'REJECTS=2', 'LOST=1'],
  'a power loss and a death, process': ['POWER=1', 'CRASHES=1', 'DEATHS=1', 'LATE'],
  'an older backup and a rejection': ['BACKUP', 'CRASHES=1', 'REJECTS=1'],
}
const plantedInBoundary = {
  'prepared is taken as confirmed': ['TOLD_AT_PREPARE'],
  'confirmed is discarded': ['CONFIRMED_DISCARDED', 'LOST=1'],
  'the parent is not compared': ['PARENT_NOT_COMPARED', 'REJECTS=1'],
  'the epoch is raised after asking': ['ASK_BEFORE_FENCE', 'DEATHS=1'],
  'ring space is freed at prepare': ['FREED_AT_PREPARE', 'SLOTS=1', 'DEATHS=1'],
  'ids count as seen at prepare': ['SEEN_AT_PREPARE', 'REJECTS=1'],
  'an unknown outcome is written again without asking': ['WRITTEN_WITHOUT_ASKING', 'LOST=1'],
  'one of two files is not cut back': ['ONE_FILE_NOT_CUT', 'DEATHS=1'],
  'an older backup is adopted': ['OLDER_ADOPTED', 'BACKUP'],
  'what a power loss left is adopted': ['OLDER_ADOPTED', 'POWER=1'],
  'the sink commits before the block is prepared': ['SENT_BEFORE_PREPARED', 'DISK', 'CRASHES=1'],
  'a rejected block keeps its id': [
    'SAME_ID',
    'MESSAGES=3',
    'BATCH=2',
    'REJECTS=1',
    'FILTERED=3',
    'CRASHES=1',
  ],
  'the epoch is counted by the directory': ['EPOCH_OF_DIRECTORY', 'BACKUP', 'CRASHES=1'],
  'letters of discarded blocks stay': ['LETTERS_NOT_CUT', 'DEADS=1', 'DEATHS=1'],
  'a file is shown at prepare': ['SHOWN_AT_PREPARE', 'REJECTS=1'],
  'an idle shard does not record its confirmation': ['CONFIRMATION_NOT_RECORDED'],
}
if (isChosen('boundary') && !onlyPlanted) {
  const whole = isLong ? { ...boundary, ...boundaryLong } : boundary
  for (const [name, defines] of Object.entries(whole)) {
    const isSmall = !/pipelined, .* disk|zombies/.test(name) && !(name in boundaryLong)
    cases.push({ model: 'boundary', name, defines, planted: false, small: isSmall })
  }
}

for (const [model, planted] of [
  ['commit', plantedInCommit],
  ['boundary', plantedInBoundary],
]) {
  if (!isChosen(model)) continue
  for (const [name, [bug, ...defines]] of Object.entries(planted)) {
    cases.push({ model, name, defines: [`BUG_${bug}`, ...defines], planted: true })
  }
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

async function check({ model, name, defines, planted: isPlanted, small: isSmall }, index) {
  const folder = join(build, String(index))
  mkdirSync(folder, { recursive: true })
  const start = performance.now()
  const file = join(root, `native/models/${model}.pml`)
  await run(folder, 'spin', ['-a', ...defines.map((define) => `-D${define}`), file])
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
    `${isRight ? 'ok  ' : 'FAIL'} ${`${model}: ${name}`.padEnd(62)} ${String(states).padStart(9)} states ${seconds.padStart(6)} s  ${verdict}`,
  )
  return isRight
}

rmSync(build, { recursive: true, force: true })
const begin = performance.now()
const version = await run(root, 'spin', ['-V'])
console.log(version.trim())
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
