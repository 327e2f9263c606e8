import { types } from 'node:util'

/**
 * What listeners answer that may be asynchronous: they are not waited for, and the first rejection is
 * thrown where it is asked for. One that comes later than that is nobody's, and no end of the process.
 */
export class Heard {
  #failed: { readonly thrown: unknown } | undefined

  note(answer: unknown): void {
    if (!types.isPromise(answer)) return
    answer.then(undefined, (thrown: unknown) => {
      this.#failed ??= { thrown }
    })
  }

  /** @throws what the first of them was rejected with */
  throwIfFailed(): void {
    if (this.#failed !== undefined) throw this.#failed.thrown
  }
}
