import type { Awaited, Teller } from '../../acknowledge/awaited.js'
import { Many, type Status } from '../../acknowledge/many.js'
import { limit, type Patience } from '../../acknowledge/patience.js'
import { Turns } from '../../core/waiting/timers.js'
import { untilEnded } from '../../core/waiting/until-ended.js'
import { throwIfAborted } from '../../core/waiting/wait.js'

/** A message on its way; `left` where it waits for room, and for how long. */
export interface Entered {
  readonly awaited: Awaited
  readonly left?: Promise<void>
}

/**
 * Lets a message in, or in line.
 * @throws what refuses it
 */
export type Enter = (message: never, teller: Teller<unknown>) => Entered

/**
 * Sends messages in their order, each with a status of its own.
 * @param isOver whether the stream takes none any more
 */
export async function sendMany(
  messages: Iterable<unknown> | AsyncIterable<unknown>,
  patience: Patience,
  enter: Enter,
  isOver: () => boolean,
): Promise<readonly Status<unknown>[]> {
  throwIfAborted(patience.signal)
  const many = new Many<unknown>()
  let gaveUp: ((taken: boolean) => unknown) | undefined
  const ended = new AbortController()
  const turns = new Turns()
  const release = limit(patience, (errorFor) => {
    gaveUp = errorFor
    for (const awaited of many.waiting) awaited.giveUpOn(errorFor)
    ended.abort()
  })
  // A generator may have more messages than there is memory: it waits while one of them does.
  const add = (message: unknown): Promise<void> | undefined => {
    let left: Promise<void> | undefined
    many.add((teller) => {
      if (gaveUp !== undefined) {
        teller.reject(gaveUp(false), false)
        return undefined
      }
      try {
        const entered = enter(message as never, teller)
        left = entered.left
        return entered.awaited
      } catch (error) {
        teller.reject(error, false)
        return undefined
      }
    })
    return left
  }
  try {
    if (Symbol.asyncIterator in messages) {
      for await (const message of untilEnded(messages, ended.signal)) {
        if (turns.isDue()) await turns.give()
        const left = add(message)
        if (left !== undefined) await left
        if (isOver()) break
      }
    } else {
      for (const message of messages) {
        // Those of an array are there, and each has a status.
        if ((gaveUp !== undefined || isOver()) && !Array.isArray(messages)) break
        if (turns.isDue()) await turns.give()
        const left = add(message)
        if (left !== undefined) await left
      }
    }
    return await many.statuses()
  } finally {
    release()
  }
}
