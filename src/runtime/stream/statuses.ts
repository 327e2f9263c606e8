import type { Status } from '../../acknowledge/many.js'
import { Turns } from '../../core/waiting/timers.js'
import { untilEnded } from '../../core/waiting/until-ended.js'
import { throwIfAborted } from '../../core/waiting/wait.js'

type Told<In> = Status<unknown> & { readonly message: In }

/** A message that was sent, and its status once that is known. */
interface Sent<In> {
  told: Told<In> | undefined
}

/**
 * Sends messages as they come and gives their statuses in the same order. The source is read on while
 * statuses are waited for, up to `inFlight` messages ahead.
 * @param isOver whether the stream takes no messages any more: then no more are read
 * @throws what the source throws, or the signal's reason, behind the statuses of what was sent
 */
export function statusesOf<In>(
  messages: Iterable<In> | AsyncIterable<In>,
  inFlight: number,
  signal: AbortSignal | undefined,
  isOver: () => boolean,
  send: (message: In, told: (status: Status<unknown>) => void) => void,
): AsyncGenerator<Told<In>, void, undefined> {
  const left = new AbortController()
  const statuses = read(messages, inFlight, signal, left, isOver, send)
  const leave = statuses.return.bind(statuses)
  const fail = statuses.throw.bind(statuses)
  // A generator hears of its end only where it yields: one that waits is woken first.
  statuses.return = (value) => {
    left.abort()
    return leave(value)
  }
  statuses.throw = (error) => {
    left.abort()
    return fail(error)
  }
  return statuses
}

async function* read<In>(
  messages: Iterable<In> | AsyncIterable<In>,
  inFlight: number,
  signal: AbortSignal | undefined,
  left: AbortController,
  isOver: () => boolean,
  send: (message: In, told: (status: Status<unknown>) => void) => void,
): AsyncGenerator<Told<In>, void, undefined> {
  const waiting: Sent<In>[] = []
  const changed = new Signal()
  const turns = new Turns()
  /** No more is read. */
  const ended = new AbortController()
  let isRead = false
  let failure: { readonly error: unknown } | undefined

  async function feed(message: In): Promise<void> {
    if (turns.isDue()) await turns.give()
    const sent: Sent<In> = { told: undefined }
    waiting.push(sent)
    send(message, (status) => {
      sent.told = { ...status, message }
      changed.give()
    })
    changed.give()
    while (waiting.length >= inFlight && !ended.signal.aborted) await changed.wait()
  }

  async function feedAll(): Promise<void> {
    try {
      if (Symbol.asyncIterator in messages) {
        for await (const message of untilEnded(messages, ended.signal)) {
          await feed(message)
          if (isOver()) return
        }
        return
      }
      for (const message of messages) {
        if (ended.signal.aborted) return
        await feed(message)
        // Before the next one is read: nobody would take it.
        if (ended.signal.aborted || isOver()) return
      }
    } catch (error) {
      failure = { error }
    } finally {
      isRead = true
      changed.give()
    }
  }

  const end = (): void => {
    ended.abort()
    changed.give()
  }
  signal?.addEventListener('abort', end)
  left.signal.addEventListener('abort', end)
  if (signal?.aborted === true) end()
  void feedAll()
  try {
    while (!left.signal.aborted) {
      const told = waiting[0]?.told
      if (told !== undefined) {
        waiting.shift()
        changed.give()
        yield told
      } else if (waiting.length === 0 && (isRead || signal?.aborted === true)) {
        if (failure !== undefined) throw failure.error
        throwIfAborted(signal)
        return
      } else {
        await changed.wait()
      }
    }
  } finally {
    signal?.removeEventListener('abort', end)
    end()
  }
}

/** Wakes all who wait for a change. */
class Signal {
  #waiting: (() => void)[] = []

  give(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}
