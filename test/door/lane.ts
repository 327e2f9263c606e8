import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case } from './case.js'
import type { Finding } from './fates.js'

/** What a lane's process is told. */
export interface Order {
  readonly given: Case
  readonly dir: string
}

const program = fileURLToPath(new URL('./lane-process.js', import.meta.url))
/** A case that is not at its end by then spins: its waits are bounded themselves. */
const limitMs = 60_000
/** More lives than a case has actions. */
const livesMax = 100

/** Runs cases one after another in a process of its own, which a case may kill, stop or break. */
export class Lane {
  readonly #dir: string
  #child: ChildProcess | undefined
  #stderr = ''
  #cases = 0

  /** @param dir where its cases' directories are made */
  constructor(dir: string) {
    this.#dir = dir
  }

  async run(given: Case): Promise<readonly Finding[]> {
    const dir = join(this.#dir, String(this.#cases++))
    mkdirSync(dir, { recursive: true })
    const kills = given.actions.filter((action) => action.do === 'kill').length
    try {
      for (let life = 0; life < livesMax; life++) {
        this.#child ??= await this.#start()
        const findings = await this.#told({ given, dir })
        if (findings === 'hangs') {
          return [
            {
              check: 'spins',
              text: `nothing was heard for ${limitMs} ms: the event loop got no turn`,
            },
          ]
        }
        if (findings !== 'died') return this.#afterFindings(findings)
        if (life >= kills) return [{ check: 'dies', text: this.#stderr.slice(-600) }]
      }
      throw new Error('a case has more lives than kills')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }

  close(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  /** What was found may have left something that runs: the next case gets a process of its own. */
  #afterFindings(findings: readonly Finding[]): readonly Finding[] {
    if (findings.length > 0) this.close()
    return findings
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#stderr = ''
    child.stderr?.on('data', (text: Buffer) => {
      this.#stderr = (this.#stderr + text.toString()).slice(-5000)
    })
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', () => reject(new Error(`a lane has not started: ${this.#stderr}`)))
    })
    return child
  }

  #told(order: Order): Promise<readonly Finding[] | 'hangs' | 'died'> {
    const child = this.#child as ChildProcess
    return new Promise((resolve) => {
      const end = (what: readonly Finding[] | 'hangs' | 'died'): void => {
        clearTimeout(timer)
        child.removeAllListeners('message')
        child.removeAllListeners('close')
        if (typeof what === 'string') this.close()
        resolve(what)
      }
      const timer = setTimeout(() => end('hangs'), limitMs)
      child.once('message', ({ findings }: { findings: readonly Finding[] }) => end(findings))
      child.once('close', () => end('died'))
      child.send(order)
    })
  }
}
