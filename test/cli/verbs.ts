import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = new URL('../../', import.meta.url)
const main = fileURLToPath(new URL('dist/cli/main.js', root))
const library = new URL('dist/index.js', root).href

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when standard error holds the text. */
  says(text: string): Promise<void>
}

/** A folder of its own, in which commands run; gone after the test. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'semel-cli-'))

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  write(name: string, content: string): string {
    writeFileSync(join(this.folder, name), content)
    return name
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8')
  }

  lines(name: string): string[] {
    return this.read(name).split('\n').slice(0, -1)
  }

  /** A module: what follows `export default`, and what else it has. */
  module(name: string, definition: string, more = ''): string {
    const imports = `import * as semel from '${library}'\nconst { pipeline, file, forEach } = semel\n`
    return this.write(name, `${imports}${more}\nexport default ${definition}\n`)
  }

  /** Lines `{"id":0}` … as NDJSON. */
  numbers(name: string, count: number, more = ''): string {
    const lines = Array.from({ length: count }, (_, id) => `{"id":${id}}\n`)
    return this.write(name, lines.join('') + more)
  }

  semel(...words: string[]): Promise<Ended> {
    return this.start(words).ended
  }

  /** A command as one text, its words split at blanks. */
  line(text: string): Promise<Ended> {
    return this.start(text.trim().split(/\s+/)).ended
  }

  start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
    const env = { ...process.env, SEMEL_DEBUG: '', ...environment }
    const child = spawn(process.execPath, [main, ...words], { cwd: this.folder, env })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => resolve({ code, stdout, stderr }))
    })
    const says = async (text: string): Promise<void> => {
      while (!stderr.includes(text)) {
        if (child.exitCode !== null) throw new Error(`it never said ${text}, but: ${stderr}`)
        await new Promise((resolve) => {
          setTimeout(resolve, 5)
        })
      }
    }
    return { child, ended, says }
  }
}

const announcement = /^semel: [\w.-]+: (?:at-most|at-least|exactly)-once .*; weakest hop: .*\n/m

/** What a run said on standard error besides its guarantee, which it says at its start. */
export function besidesGuarantee(stderr: string): string {
  if (!announcement.test(stderr)) throw new Error(`no guarantee in ${stderr}`)
  return stderr.replace(announcement, '')
}

/** The counters of `--json`, and the rest without what depends on the clock. */
export function report(stdout: string): Record<string, unknown> {
  expectOneLine(stdout)
  const { elapsedMs, messagesPerSecond, ...rest } = JSON.parse(stdout) as Record<string, unknown>
  if (typeof elapsedMs !== 'number' || typeof messagesPerSecond !== 'number') {
    throw new TypeError(`no time in ${stdout}`)
  }
  return rest
}

function expectOneLine(text: string): void {
  if (text.indexOf('\n') !== text.length - 1) throw new Error(`not one line: ${text}`)
}

export const zero = {
  stored: 0,
  processed: 0,
  filtered: 0,
  duplicate: 0,
  late: 0,
  deadLettered: 0,
  dropped: 0,
  parked: 0,
  inFlight: 0,
}

/** Doubles numbers, filters 1, fails at 3, drops copies. */
export const doubling = `pipeline('numbers').accepts()
  .deliver('exactly-once', { id: (message) => message.id, window: '1h' })
  .filter((message) => message.id !== 1)
  .map((message) => {
    if (message.id === 3) throw new Error('three\\nis no number')
    return { doubled: message.id * 2 }
  })
  .retry({ attempts: 1 })
  .to(file('out.ndjson'))`

/** Whatever arrives, as it is. */
export const passing = `pipeline('passing').accepts().deliver('at-least-once').to(file('out.ndjson'))`
