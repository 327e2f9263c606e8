import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratch } from './main.js'

const main = fileURLToPath(new URL('../../build/js/examples/quickstart.js', import.meta.url))

test('the quickstart processes an order once, also when it is run again', async () => {
  const dir = scratch()
  const run = () => promisify(execFile)(process.execPath, [main, dir])
  expect(await run()).toEqual({ stdout: 'processed 15\nduplicate\n', stderr: '' })
  expect(await run()).toEqual({ stdout: 'duplicate\nduplicate\n', stderr: '' })
  expect(readFileSync(join(dir, 'totals.ndjson'), 'utf8')).toBe('{"id":1,"total":15}\n')
})
