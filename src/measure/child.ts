import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SemelError } from '../core/errors.js'
import { timerMsMax } from '../core/waiting/timers.js'
import { Scratch } from './scratch.js'

/** What a child ends with. */
export type Answer = { readonly value: unknown } | { readonly failure: string }

export interface ChildOptions {
  /** It is killed after so long: nothing hangs. */
  readonly timeoutMs: number
  /** Ends it early; the promise rejects. */
  readonly signal?: AbortSignal | undefined
}

const errorTextMax = 2000

/**
 * Runs a script that ends with `answer` (answer.ts) in a process of its own, with a folder of its own,
 * `dir`, beside what it is told. What it prints on standard output is dropped: a handler that is
 * measured may print.
 * @throws SemelError `SEMEL_CHILD` where it failed, took too long or gave no answer
 */
export async function runChild(
  script: URL,
  told: object,
  { timeoutMs, signal }: ChildOptions,
): Promise<unknown> {
  const scratch = new Scratch()
  const child = spawn(
    process.execPath,
    [fileURLToPath(script), JSON.stringify({ ...told, dir: scratch.folder })],
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  )
  scratch.onRemove = () => child.kill('SIGKILL')
  try {
    return await answerOf(child, timeoutMs, signal)
  } finally {
    scratch.remove()
  }
}

function answerOf(
  child: ChildProcess,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let errors = ''
    let answer: Answer | undefined
    let isLate = false
    const kill = (): void => {
      child.kill('SIGKILL')
    }
    const timer = setTimeout(
      () => {
        isLate = true
        kill()
      },
      Math.min(timeoutMs, timerMsMax),
    )
    signal?.addEventListener('abort', kill, { once: true })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-errorTextMax)
    })
    child.on('message', (message) => (answer = message as Answer))
    child.on('error', (cause) => reject(failed(cause.message, cause)))
    child.on('close', (code, by) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      if (signal?.aborted === true) reject(signal.reason as Error)
      else if (isLate) reject(failed(`it had not ended after ${Math.round(timeoutMs / 1000)} s`))
      else if (answer === undefined)
        reject(failed(`it ended with ${by ?? `code ${code}`} and no answer: ${errors.trim()}`))
      else if ('failure' in answer) reject(failed(answer.failure))
      else resolve(answer.value)
    })
  })
}

function failed(why: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_CHILD', why, { cause })
}
