import { SemelError } from '../../core/errors.js'
import { addon } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import { readRequest, removeRequest, requestPaths, type LetterRequest } from './letter-requests.js'

/** How soon a request is seen. */
const lookMs = 500
/** Node's own: a test that puts other timers in their place would go round this one for ever. */
const every = setInterval

export interface ClerkParts {
  readonly handle: number
  /** Of the stream; empty: nobody can file anything. */
  readonly dir: string
  readonly shards: number
  /** Letters have gone into the rings. */
  readonly published: () => void
}

/** What is still to do of a request. */
interface Work {
  readonly request: LetterRequest
  /** Letters before this one have gone into their ring. */
  asked: number
  /** Letters before this one have been dealt with. */
  ended: number
}

/**
 * Deals with the requests that other processes file in the stream's directory. A request stays until
 * its letters have been dealt with as safely as the stream's level says, so a crash forgets none; one
 * that is met again asks for nothing twice, since a letter is dealt with once.
 */
export class LetterClerk {
  readonly #parts: ClerkParts
  readonly #works = new Map<string, Work>()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: ClerkParts) {
    this.#parts = parts
  }

  /** Looks at once, and from time to time; that keeps no process alive. */
  start(): void {
    if (this.#parts.dir === '') return
    this.#look()
    this.#timer = every(() => this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** What has been dealt with is not asked again of the next opening. The stream is still open. */
  tidy(): void {
    try {
      for (const [path, work] of this.#works) {
        if (!this.#hasEnded(work)) continue
        removeRequest(this.#parts.dir, path)
        this.#works.delete(path)
      }
    } catch {
      // It is asked again, and found to be done.
    }
  }

  #look(): void {
    const { dir, published } = this.#parts
    const paths = requestPaths(dir)
    if (paths.length === 0) return
    try {
      for (const path of paths) {
        const work = this.#workOf(path)
        if (work !== undefined) this.#ask(work)
      }
      published()
      this.tidy()
    } catch {
      // The stream has failed or is closed, and says so itself; the requests wait for the next opening.
      this.stop()
    }
  }

  #workOf(path: string): Work | undefined {
    const known = this.#works.get(path)
    if (known !== undefined) return known
    const request = readRequest(path)
    if (request === undefined) return undefined
    const work = { request, asked: 0, ended: 0 }
    this.#works.set(path, work)
    return work
  }

  /** As many as there is room for. */
  #ask(work: Work): void {
    const { action, letters } = work.request
    for (; work.asked < letters.length; work.asked++) {
      const { shard, number } = letters[work.asked] as (typeof letters)[0]
      if (shard < 0 || shard >= this.#parts.shards) continue
      try {
        if (!addon().endDeadLetter(this.#parts.handle, shard, number, action === 'retry')) return
      } catch (error) {
        // Dealt with already, or a row that can only be dropped.
        if (!(error instanceof SemelError) || error.code !== 'SEMEL_INVALID_ARGUMENT') throw error
      }
    }
  }

  #hasEnded(work: Work): boolean {
    const { action, letters } = work.request
    for (; work.ended < work.asked; work.ended++) {
      const { shard, number } = letters[work.ended] as (typeof letters)[0]
      if (shard < 0 || shard >= this.#parts.shards) continue
      const [letter] = addon().deadLetters(this.#parts.handle, shard, number - 1, 1)
      const isOpen = letter?.number === number
      const isRow = letter?.type === frameTypes.malformed
      if (isOpen && !(action === 'retry' && isRow)) return false
    }
    return work.ended === letters.length
  }
}
