import type { MessageContext } from './message.js'

/** One step of a definition: frozen data; `runtime` compiles the steps of a pipeline to one function. */
export type Operator =
  | { readonly kind: 'map'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'filter'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'flatMap'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'tap'; readonly apply: (value: never, context: MessageContext) => unknown }
  | { readonly kind: 'batch'; readonly size: number; readonly withinMs: number }
