import type { Sink } from '../../core/sink.js'
import type { Skip } from '../runner.js'

/** A fresh store, and the ways to look at it. */
export interface TransactionalFixture {
  readonly sink: Sink<never, 'transactional'>
  /** All that a reader of committed outputs sees, whoever wrote it; in any order. */
  read(): Promise<readonly unknown[]> | readonly unknown[]
  /** An output that the store refuses, while it takes others. */
  readonly refused: { readonly output: unknown } | Skip
  dispose?(): Promise<void> | void
}

/** A transactional sink as the suite takes it. */
export interface TransactionalUnderTest {
  readonly name: string
  create(): Promise<TransactionalFixture> | TransactionalFixture
  /** Why no single output is ever refused. */
  readonly rejects: true | Skip
  /** Why one commit at a time is under way: `commitsMax` is 1. */
  readonly pipelines: true | Skip
  /**
   * An output with a number, as `read` gives it back.
   * @default (id) => ({ id, text: `“${id}”` })
   */
  output?(id: number): unknown
  /**
   * How many drawn lives are compared with a model.
   * @default 20
   */
  readonly lives?: number
}
