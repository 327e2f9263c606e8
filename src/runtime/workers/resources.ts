import type { Graph } from '../../pipeline/graph.js'
import type { OpenedResource } from '../../pipeline/resource.js'

/** What the handlers of one thread share, open. */
export class Resources {
  readonly #opened: OpenedResource[] = []

  private constructor() {}

  /** Opens them one after another; where one fails, those before it are closed again. */
  static async open({ resources = [] }: Graph): Promise<Resources> {
    const all = new Resources()
    try {
      for (const resource of resources) {
        await resource.open()
        all.#opened.push(resource)
      }
    } catch (error) {
      // The cause is the answer, whatever a close under it meets.
      await all.close().catch(() => {})
      throw error
    }
    return all
  }

  /** Closes them, the last one first, whatever becomes of each; then throws what the first one threw. */
  async close(): Promise<void> {
    const errors: unknown[] = []
    for (const resource of this.#opened.splice(0).toReversed()) {
      try {
        await resource.close()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
