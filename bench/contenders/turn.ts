import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contender.js'
import type { Measured, Task } from './measure.js'
import { killDaemons } from './servers/daemon.js'
import { freePort } from './servers/ports.js'

const secondsMax = 120

/** What is to go when this process ends in the middle. */
const underWay: { child?: ChildProcess | undefined; dir?: string | undefined } = {}

/** Ends the child and the server of this turn, and removes what they wrote. */
export function abandon(): void {
  underWay.child?.kill('SIGKILL')
  killDaemons()
  if (underWay.dir !== undefined) rmSync(underWay.dir, { recursive: true, force: true })
}

/** One run of one contender: its server is started for it, and stopped. */
export async function turn(contender: Contender, smoke: boolean): Promise<Measured> {
  const place = mkdtempSync(join(tmpdir(), 'semel-contender-'))
  underWay.dir = place
  const [dir, serverDir] = [join(place, 'data'), join(place, 'server')]
  mkdirSync(dir)
  mkdirSync(serverDir)
  try {
    const port = contender.server === undefined ? 0 : await freePort()
    const server = await contender.server?.start({ dir: serverDir, port, freePort })
    try {
      return await measured({ name: contender.name, dir, port, smoke })
    } finally {
      await server?.stop()
    }
  } finally {
    abandon()
    underWay.dir = undefined
  }
}

function measured(task: Task): Promise<Measured> {
  const script = fileURLToPath(new URL('measure.js', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: secondsMax * 1000,
    killSignal: 'SIGKILL',
  })
  underWay.child = child
  let [output, errors] = ['', '']
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      underWay.child = undefined
      if (code === 0) resolve(JSON.parse(output) as Measured)
      else if (signal !== null)
        reject(new Error(`ended by ${signal}, ${secondsMax} s at most\n${errors}`))
      else reject(new Error(reasonIn(errors)))
    })
  })
}

/** The line that says what was thrown comes first. */
function reasonIn(errors: string): string {
  const said = errors.split('\n').find((line) => /^\w*Error\b/.test(line))
  return said === undefined ? errors.trim() : `${said}\n${errors.trim()}`
}
