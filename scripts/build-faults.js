// Builds the library once more for the fault campaigns, into build/faults: the same sources, with fault
// points and plantable bugs in the addon, and the campaigns on the simulated disk, which need no Node. It
// is a package of its own there, so that programs in it that import semel get this build and never the
// real one.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build', 'faults')
const cmakeJs = fileURLToPath(new URL('../node_modules/cmake-js/bin/cmake-js', import.meta.url))

mkdirSync(folder, { recursive: true })
execFileSync(
  process.execPath,
  [cmakeJs, 'build', '--out', join(folder, 'build'), '--CDSEMEL_FAULTS=ON', '--parallel', '2'],
  { cwd: root, stdio: 'inherit' },
)
for (const name of ['package.json', 'dist', 'build/js']) {
  const to = name === 'build/js' ? 'js' : name
  cpSync(join(root, name), join(folder, to), { recursive: true })
}
