// Builds and runs the native tests, without Node: plainly, or once under each sanitizer that is named.
//
//   node scripts/test-native.js [address] [thread] [ctest options, such as -R Ring]
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

const root = fileURLToPath(new URL('..', import.meta.url))
const sanitizers = new Set(['address', 'thread'])
const named = process.argv.slice(2).filter((word) => sanitizers.has(word))
const options = process.argv.slice(2).filter((word) => !sanitizers.has(word))

// ThreadSanitizer of older compilers can't place its shadow where the kernel randomises addresses
// widely; without randomisation it can.
const fixedAddresses = ['setarch', process.arch === 'arm64' ? 'aarch64' : 'x86_64', '-R']

/** @param {string[]} command */
function succeeds([file, ...args], stdio = 'ignore') {
  return spawnSync(file, args, { cwd: root, stdio }).status === 0
}

/** @param {string[]} command */
function run(command) {
  console.log(`$ ${command.join(' ')}`)
  if (!succeeds(command, 'inherit')) process.exit(1)
}

// The tests with threads; the others would take ten times as long and show nothing there.
const threaded = ['-R', 'Threads|StreamTest|RepliesTest|PreparedCommits']

for (const sanitizer of named.length > 0 ? named : ['']) {
  const folder = join('build', sanitizer ? `native-${sanitizer}` : 'native-test')
  run(['cmake', '-S', 'native', '-B', folder, '-DSEMEL_TESTS=ON', `-DSEMEL_SANITIZE=${sanitizer}`])
  run(['cmake', '--build', folder, '--parallel', '2'])

  const starts = [join(folder, 'semel_tests'), '--gtest_list_tests']
  const prefix =
    sanitizer === 'thread' && !succeeds(starts) && succeeds([...fixedAddresses, ...starts])
      ? fixedAddresses
      : []
  run([
    ...prefix,
    'ctest',
    '--test-dir',
    folder,
    '--output-on-failure',
    '--no-tests=error',
    '--parallel',
    '2',
    ...(sanitizer === 'thread' && options.length === 0 ? threaded : options),
  ])
}
