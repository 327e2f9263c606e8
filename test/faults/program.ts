import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Word } from './job.js'

export interface Ended {
  /** All that it told. */
  readonly ledger: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it was killed from here, and not at a fault point. */
  readonly wasKilled: boolean
  /** Whether it was killed because it did not end by itself in time. */
  readonly wasLate: boolean
}

/** As it is; with fault points; and with a bug of the runtime besides. */
export type Build = 'real' | 'faults' | 'planted'

const root = new URL('../../../../', import.meta.url)
const mains: Readonly<Record<Build, string>> = {
  real: fileURLToPath(new URL('build/js/test/faults/child/main.js', root)),
  faults: fileURLToPath(new URL('build/faults/js/test/faults/child/main.js', root)),
  planted: fileURLToPath(new URL('build/planted/js/test/faults/child/main.js', root)),
}

/** When the parent kills: so long after a word, or after so many lines. */
export interface Moment {
  readonly after: Word
  readonly ms: number
  readonly lines: number
}

/** Runs a child to its end; what it told is read to the last byte, whatever ended it. */
export function runChild(
  job: Job,
  build: Build,
  environment: Readonly<Record<string, string>>,
  moment: Moment | undefined,
  limitMs: number,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [mains[build], JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    const chunks: Buffer[] = []
    let stderr = ''
    let wasKilled = false
    let wasLate = false
    let lines = 0
    let seen = ''
    let waiting = moment
    let timer: NodeJS.Timeout | undefined
    const kill = (): void => {
      wasKilled = true
      child.kill('SIGKILL')
    }
    const limit = setTimeout(() => {
      wasLate = true
      kill()
    }, limitMs)
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (waiting === undefined) return
      if (timer === undefined) {
        seen += chunk.toString('latin1')
        if (!`\n${seen}`.includes(`\n${waiting.after} `)) return
        if (waiting.lines === 0) {
          waiting = undefined
          timer = setTimeout(kill, moment?.ms)
          return
        }
        timer = setTimeout(kill, moment?.ms)
      }
      for (const byte of chunk) if (byte === 10) lines += 1
      if (lines >= waiting.lines) {
        waiting = undefined
        kill()
      }
    })
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString()
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      clearTimeout(limit)
      const ledger = Buffer.concat(chunks).toString('latin1')
      resolve({ ledger, stderr, code, signal, wasKilled, wasLate })
    })
  })
}
