import { InvalidArgumentError, SemelError, toError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { adopted } from '../core/thenable.js'

/** Something that handlers share, such as a pool of connections: one in each worker. */
export interface Resource<T> {
  /**
   * What was opened.
   * @throws SemelError `SEMEL_RESOURCE` outside of an open stream: in the definition itself, or where
   * the stream has been closed
   */
  readonly value: T
}

/** A resource as a runner sees it. */
export interface OpenedResource {
  /** Opens it, unless it is open in this thread already; each `open` has its `close`. */
  open(): Promise<void>
  close(): Promise<void>
}

interface Parts<T> {
  readonly pipeline: string
  readonly open: () => T | Promise<T>
  readonly close: ((value: T) => unknown) | undefined
}

/** One resource of one definition in one thread; classes of one stream share it. */
export class ResourceOf<T> implements Resource<T>, OpenedResource {
  readonly #parts: Parts<T>
  #users = 0
  #opening: Promise<T> | undefined
  #held: { readonly value: T } | undefined

  constructor(pipeline: string, open: unknown, close: unknown) {
    if (typeof open !== 'function') {
      throw new InvalidArgumentError(
        `resource: ${shown(open)} is not a function; give one that opens it: resource(() => new Pool(…), (pool) => pool.end())`,
      )
    }
    if (close !== undefined && typeof close !== 'function') {
      throw new InvalidArgumentError(
        `resource: ${shown(close)} is not a function; give one that closes what was opened, or none`,
      )
    }
    this.#parts = { pipeline, open: open as () => T, close: close as Parts<T>['close'] }
  }

  get value(): T {
    if (this.#held !== undefined) return this.#held.value
    throw new SemelError(
      'SEMEL_RESOURCE',
      `a resource of the pipeline ${this.#parts.pipeline} is not open: ask for its value in a handler, while the stream is open`,
    )
  }

  async open(): Promise<void> {
    this.#users += 1
    try {
      this.#opening ??= this.#open()
      this.#held = { value: await this.#opening }
    } catch (cause) {
      this.#users -= 1
      this.#opening = undefined
      throw new SemelError(
        'SEMEL_RESOURCE',
        `a resource of the pipeline ${this.#parts.pipeline} can't be opened: ${toError(cause).message}`,
        { cause, retriable: true },
      )
    }
  }

  async close(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0 || this.#held === undefined) return
    const { value } = this.#held
    this.#held = undefined
    this.#opening = undefined
    try {
      const ended: unknown = this.#parts.close?.(value)
      await adopted(ended)
    } catch (cause) {
      throw new SemelError(
        'SEMEL_RESOURCE',
        `a resource of the pipeline ${this.#parts.pipeline} can't be closed: ${toError(cause).message}`,
        { cause },
      )
    }
  }

  async #open(): Promise<T> {
    const opened = this.#parts.open()
    return (await (adopted(opened) ?? opened)) as T
  }
}
