import type { Status } from '../acknowledge/many.js'

type Told<In> = Status<unknown> & { readonly message: In }

/**
 * Sends messages as they come and gives their statuses in the same order. The source is read on while
 * statuses are waited for, up to `inFlight` messages ahead.
 * @throws what the source throws, or the signal's reason, behind the statuses of what was sent
 */
export async function* statusesOf<In>(
  messages: Iterable<In> | AsyncIterable<In>,
  inFlight: number,
  signal: AbortSignal | undefined,
  send: (message: In, told: (status: Status<unknown>) => void) => void,
): AsyncGenerator<Told<In>, void, undefined> {
  const waiting: Promise<Told<In>>[] = []
  const changed = new Signal()
  let isRead = false
  let isLeft = false
  let failure: { readonly error: unknown } | undefined
  const isOver = (): boolean => isLeft || signal?.aborted === true

  async function feed(): Promise<void> {
    try {
      for await (const message of messages) {
        if (isOver()) return
        waiting.push(
          new Promise((resolve) => {
            send(message, (status) => resolve({ ...status, message }))
          }),
        )
        changed.give()
        while (waiting.length >= inFlight && !isOver()) await changed.wait()
        // Before the next one is read: nobody would take it.
        if (isOver()) return
      }
    } catch (error) {
      failure = { error }
    } finally {
      isRead = true
      changed.give()
    }
  }

  const wake = (): void => changed.give()
  signal?.addEventListener('abort', wake)
  void feed()
  try {
    for (;;) {
      const next = waiting[0]
      if (next !== undefined) {
        const told = await next
        waiting.shift()
        changed.give()
        yield told
      } else if (isRead || signal?.aborted === true) {
        if (failure !== undefined) throw failure.error
        signal?.throwIfAborted()
        return
      } else {
        await changed.wait()
      }
    }
  } finally {
    isLeft = true
    signal?.removeEventListener('abort', wake)
    changed.give()
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
