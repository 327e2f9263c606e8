/**
 * What a promise comes to, unless a signal is given first: whoever waits for what hangs is let go.
 * @returns undefined where the signal was first; what the promise comes to later is nobody's then
 * @throws what it rejects with, before the signal
 */
export function unlessAborted<T>(
  pending: Promise<T>,
  signal: AbortSignal,
): Promise<{ readonly value: T } | undefined> {
  return new Promise((resolve, reject) => {
    const left = (): void => resolve(undefined)
    signal.addEventListener('abort', left)
    const ended = (): void => signal.removeEventListener('abort', left)
    pending.then(
      (value) => {
        ended()
        resolve({ value })
      },
      (thrown: unknown) => {
        ended()
        reject(thrown)
      },
    )
    if (signal.aborted) left()
  })
}
