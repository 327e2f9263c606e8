/**
 * Who waits by a signal. It has one listener, however many these are: beyond ten there would be a
 * warning, and taking one of ten thousand away would take a walk through them all.
 */
const waiting = new WeakMap<AbortSignal, { readonly all: Set<() => void>; tell(): void }>()

/** Calls `aborted` when the signal is given; once for each that is added. */
export function addAborted(signal: AbortSignal, aborted: () => void): void {
  let entry = waiting.get(signal)
  if (entry === undefined) {
    const all = new Set<() => void>()
    const tell = (): void => {
      for (const one of all) one()
    }
    entry = { all, tell }
    waiting.set(signal, entry)
    signal.addEventListener('abort', tell)
  }
  entry.all.add(aborted)
}

export function removeAborted(signal: AbortSignal, aborted: () => void): void {
  const entry = waiting.get(signal)
  if (entry === undefined || !entry.all.delete(aborted) || entry.all.size > 0) return
  signal.removeEventListener('abort', entry.tell)
  waiting.delete(signal)
}
