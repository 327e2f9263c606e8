// Builds the addon with node-gyp into build/gyp/build/Release/semel.node, and loads it to prove it.
//
// node-gyp always writes to build/ beside binding.gyp, and `rebuild` first deletes it; that folder
// holds what cmake-js built. So it runs in a folder of links to the sources.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build', 'gyp')

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const name of ['package.json', 'binding.gyp', 'native']) {
  symlinkSync(join(root, name), join(folder, name))
}

// Most installations of Node bring their own headers; only without them does node-gyp download some.
const prefix = resolve(dirname(process.execPath), '..')
const ownHeaders = existsSync(join(prefix, 'include', 'node', 'node_api.h'))

const command = [require.resolve('node-gyp/bin/node-gyp.js'), 'rebuild', '--jobs', '2']
if (ownHeaders) command.push('--nodedir', prefix)
execFileSync(process.execPath, command, { cwd: folder, stdio: 'inherit' })

const addon = join(folder, 'build', 'Release', 'semel.node')
console.log(`${addon}: version ${require(addon).version}`)
