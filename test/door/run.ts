// npm run fuzz:door -- --seconds 60 --seed 1
//
//   --seconds N   for so long; 60 unless given
//   --cases N     or so many cases
//   --seed S      all cases come from it; without, a fresh one is drawn and printed
//   --from N      begins with the case of this number
//   --lanes N     processes side by side; 2 unless given
//   --findings N  ends after so many different findings; 1 unless given
//   --tries N     cuts a case down by so many tries at most; 400 unless given
//   --case JSON   only this case, as a finding prints it, or the name of a file that holds it
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Case } from './case.js'
import { fuzzDoor, type Found } from './fuzz.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    cases: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    lanes: { type: 'string', default: '2' },
    findings: { type: 'string', default: '1' },
    tries: { type: 'string', default: '400' },
    case: { type: 'string' },
  },
})

const seed = values.seed ?? randomBytes(4).toString('hex')
const shm = '/dev/shm'
const dir = mkdtempSync(join(existsSync(shm) ? shm : tmpdir(), 'semel-door-'))
process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
console.log(`seed ${seed}`)
const { cases, found, seconds } = await fuzzDoor({
  dir,
  seed,
  first: wholeNumber('from', values.from),
  casesMax: values.cases === undefined ? Infinity : wholeNumber('cases', values.cases),
  secondsMax: values.cases === undefined ? wholeNumber('seconds', values.seconds) : Infinity,
  lanes: wholeNumber('lanes', values.lanes),
  findingsMax: wholeNumber('findings', values.findings),
  triesMax: wholeNumber('tries', values.tries),
  only: values.case === undefined ? undefined : caseOf(values.case),
  onFound: print,
})
console.log(`door: ${cases} cases in ${seconds.toFixed(0)} s, ${found.length} findings`)
process.exitCode = found.length === 0 ? 0 : 1

function print({ number, check, text, small, seconds: after }: Found): void {
  console.log(`\ncase ${number} of seed ${seed}, after ${after.toFixed(1)} s`)
  console.log(`  ${check}: ${text}`)
  console.log(
    `  again: npm run fuzz:door -- --case '${JSON.stringify(small).replaceAll("'", String.raw`'\''`)}'\n`,
  )
}

function caseOf(given: string): Case {
  return JSON.parse(existsSync(given) ? readFileSync(given, 'utf8') : given) as Case
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`--${name}: ${text} is no whole number`)
}
