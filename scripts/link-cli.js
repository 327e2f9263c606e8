// Makes `npx semel` work inside a built clone: npm links the commands of dependencies, not the
// package's own, and tsc writes files that are not executable.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url))

if (existsSync(cli)) {
  chmodSync(cli, 0o755)
  mkdirSync(folder, { recursive: true })
  rmSync(`${folder}semel`, { force: true })
  symlinkSync('../../dist/cli/main.js', `${folder}semel`)
}
