/**
 * The messages of a source until a signal is given. A message that comes later is left: whoever waits
 * for a source that stands still is let go.
 */
export async function* untilEnded<T>(
  messages: AsyncIterable<T>,
  ended: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const source = messages[Symbol.asyncIterator]()
  // One listener and one slot: a race against the signal at each message would keep each of them.
  let leave: (() => void) | undefined
  const onEnded = (): void => leave?.()
  ended.addEventListener('abort', onEnded)
  let isOver = false
  try {
    while (!ended.aborted) {
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        leave = () => resolve(undefined)
        source.next().then(resolve, (error: unknown) => {
          isOver = true
          reject(error)
        })
      })
      if (next === undefined) return
      if (next.done === true) {
        isOver = true
        return
      }
      yield next.value
    }
  } finally {
    ended.removeEventListener('abort', onEnded)
    // A source that stands still may never answer to that.
    if (!isOver) source.return?.().catch(() => {})
  }
}
