import type { MessageContext } from './message.js'

/** One step of a definition: frozen data; `runtime` compiles the steps of a pipeline to one function. */
export type Operator =
  | ValueOperator
  | { readonly kind: 'batch'; readonly size: number; readonly withinMs: number }
  | { readonly kind: 'branch'; readonly branches: readonly BranchOf[] }

/** What takes one value at a time. */
export type ValueOperator =
  | { readonly kind: 'map'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'filter'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'flatMap'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'tap'; readonly apply: (value: never, context: MessageContext) => unknown }

/** The last step of a pipeline that has branches: each value goes through all of them, in their order. */
export interface BranchOf {
  readonly name: string
  readonly operators: readonly ValueOperator[]
  /** Which of the pipeline's sinks its values go to. */
  readonly to: readonly number[]
}
