import { after } from '../../core/waiting/timers.js'

/** Who waits for what might never be settled. */
const waiting = new Set<() => void>()

/**
 * What a promise is settled with; an error where nothing is left in the process that could settle it:
 * Node would then end, in silence.
 * @param error made where that has come
 * @param ms made then too, where other work keeps the process from ending; undefined: it never is
 */
export function orStuck<T>(promise: Promise<T>, error: () => Error, ms?: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stuck = (): void => reject(error())
    const endTimer = ms === undefined ? undefined : after(ms, stuck, { keepsAlive: false })
    if (waiting.size === 0) process.on('beforeExit', tellAll)
    waiting.add(stuck)
    const forget = (): void => {
      endTimer?.()
      waiting.delete(stuck)
      if (waiting.size === 0) process.off('beforeExit', tellAll)
    }
    promise.then(resolve, reject).finally(forget)
  })
}

function tellAll(): void {
  for (const tell of waiting) tell()
}
