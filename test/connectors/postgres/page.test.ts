import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { ownServer } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
const root = fileURLToPath(new URL('../../..', import.meta.url))
const page = readFileSync(join(root, 'docs/guide/databases.md'), 'utf8')

/** Inside the package, so that its program finds semel by name, as those of its users do. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'page-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.skipIf(!hasServer).each([
  ['postgres', "{ rows: 2, sum: '588.50' }\n"],
  ['inbox', "processed\nduplicate\nSEMEL_KEY_REUSED\n{ cents: '500' }\n1\n"],
])('the program %s of the page on databases runs, again too', async (name, printed) => {
  const program = new RegExp(`^\`\`\`js\\n(// ${name}\\.js\\n[\\s\\S]*?)^\`\`\`$`, 'm').exec(
    page,
  )?.[1]
  writeFileSync(join(folder, `${name}.js`), program as string)
  const env = {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: String(own.server.port),
    PGUSER: 'postgres',
    PGDATABASE: 'postgres',
  }
  for (let life = 0; life < 2; life++) {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [`${name}.js`], {
      cwd: folder,
      env,
    })
    expect([stdout, stderr]).toEqual([printed, ''])
  }
})
