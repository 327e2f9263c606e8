import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fuzzDoor } from '../../build/js/test/door/fuzz.js'

const seconds = Number(process.env['SEMEL_FUZZ_SECONDS'] ?? 4)

test.each(['kept', String(Date.now())])(
  'nothing is found at the door by the cases of the seed %s',
  async (seed) => {
    const dir = mkdtempSync(join(tmpdir(), 'semel-door-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const { cases, found } = await fuzzDoor({
      dir,
      seed,
      first: 0,
      casesMax: Infinity,
      secondsMax: seconds,
      lanes: 1,
      findingsMax: 1,
      triesMax: 100,
    })
    const told = found.map(({ number, check, text, small }) => ({
      number,
      check,
      text,
      again: `npm run fuzz:door -- --case '${JSON.stringify(small)}'`,
    }))
    expect(told).toEqual([])
    expect(cases).toBeGreaterThan(0)
  },
  120_000,
)
