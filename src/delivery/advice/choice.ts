import type { Figure, Figures } from '../figures.js'

/** What was chosen, and why; and what else there is, and why not. */
export interface Choice<T> {
  readonly choice: T
  readonly because: string
  readonly rejected: readonly { readonly choice: string; readonly because: string }[]
}

/** Needs that exclude each other, and what comes nearest. */
export interface Conflict {
  readonly says: string
  readonly nearest: string
}

/** The figure that fits a choice best, and what it was measured on; null where there is none. */
export type FittingFigure = (Figure & Pick<Figures, 'cpu' | 'cores' | 'date'>) | null
