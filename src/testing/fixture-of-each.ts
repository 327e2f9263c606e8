import type { Runner } from './runner.js'

interface Fixture {
  dispose?(): Promise<void> | void
}

interface Closable {
  close(): Promise<void>
}

/** The fixture of each test: made before it, and disposed of behind it, when what was opened is closed. */
export class FixtureOfEach<F extends Fixture> {
  #current: F | undefined
  readonly #opened: Closable[] = []

  constructor({ beforeEach, afterEach }: Runner, create: () => Promise<F> | F) {
    beforeEach(async () => {
      this.#current = await create()
    })
    afterEach(async () => {
      for (const one of this.#opened.splice(0)) await one.close()
      await this.#current?.dispose?.()
    })
  }

  /** Of the test that runs. */
  get current(): F {
    return this.#current as F
  }

  /** It is closed behind the test. */
  opened<C extends Closable>(one: C): C {
    this.#opened.push(one)
    return one
  }
}
