import { types } from 'node:util'

const { then: nativeThen } = Promise.prototype

/**
 * The promise of what a function answered, or undefined where it answered a value: as `await` would
 * have it, but `then` is read once, and an answer that is none costs no promise. Functions with a
 * `then` are promised values like objects.
 * @throws whatever reading `then` throws
 */
export function adopted(answer: unknown): Promise<unknown> | undefined {
  if ((typeof answer !== 'object' && typeof answer !== 'function') || answer === null) {
    return undefined
  }
  const { then } = answer as { then?: unknown }
  if (typeof then !== 'function') return undefined
  if (then === nativeThen && (answer as Promise<unknown>).constructor === Promise) {
    return answer as Promise<unknown>
  }
  return settling(answer, then as Then)
}

type Then = (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => unknown

/** Only the first of what it says counts. */
function settling(answer: object, then: Then): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fulfil = (value: unknown): void => {
      if (value === answer) reject(new TypeError('the answer is a promise of itself'))
      else resolve(value)
    }
    Reflect.apply(then, answer, [fulfil, reject])
  })
}

/**
 * Of a promise that nobody will look at, the rejection must not end the process. Whatever else it is
 * stays as it is.
 */
export function unheeded(answer: unknown): void {
  if (types.isPromise(answer)) nativeThen.call(answer, undefined, () => {})
}
