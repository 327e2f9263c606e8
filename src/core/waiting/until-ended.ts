import { InvalidArgumentError } from '../errors.js'
import { shown } from '../options.js'
import { after, within, type End } from './timers.js'

/** In place of what a source gives, where nobody waits for that any more. */
const left = Symbol('left')

/**
 * The messages of a source until a signal is given. A message that comes later is left: whoever waits
 * for a source that stands still is let go.
 * @param graceMs how long a source that hears the signal too has to end by itself; what it gives until
 * then is taken. Its `return` has the same time
 */
export async function* untilEnded<T>(
  messages: AsyncIterable<T>,
  ended: AbortSignal,
  graceMs = 0,
): AsyncGenerator<T, void, undefined> {
  const source = messages[Symbol.asyncIterator]()
  // One listener and one slot: a race against the signal at each message would keep each of them.
  let leave: (() => void) | undefined
  let isLeft = false
  let isOver = false
  let endGrace: End | undefined
  const cut = (): void => {
    isLeft = true
    leave?.()
  }
  const onEnded = (): void => {
    if (graceMs === 0) cut()
    else endGrace = after(graceMs, cut)
  }
  if (ended.aborted) onEnded()
  else ended.addEventListener('abort', onEnded)
  try {
    for (;;) {
      if (isLeft) return
      const next = await new Promise<IteratorResult<T> | typeof left>((resolve, reject) => {
        leave = () => resolve(left)
        ask(source).then(resolve, (error: unknown) => {
          isOver = true
          reject(error)
        })
      })
      if (next === left) return
      if (typeof next !== 'object' || (next as unknown) === null) {
        isOver = true
        throw new InvalidArgumentError(
          `the iterator's next() answered ${shown(next)}; let it answer { value, done }`,
        )
      }
      if (next.done === true) {
        isOver = true
        return
      }
      yield next.value
    }
  } finally {
    ended.removeEventListener('abort', onEnded)
    endGrace?.()
    // A source that stands still may never answer to that.
    if (!isOver) await within(finish(source), graceMs)
  }
}

/** As a promise, whatever the iterator makes of it. */
function ask<T>(source: AsyncIterator<T>): Promise<IteratorResult<T>> {
  try {
    return Promise.resolve(source.next())
  } catch (error) {
    return Promise.reject(error)
  }
}

async function finish(source: AsyncIterator<unknown>): Promise<void> {
  await source.return?.()
}
