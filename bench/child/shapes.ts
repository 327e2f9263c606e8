/** What makes records of msgpackr's share their shapes in memory, as a stream's encoder and decoder do. */
export interface SharedShapes {
  readonly getStructures: () => unknown[]
  readonly saveStructures: (known: unknown[]) => boolean
  readonly maxSharedStructures: number
}

export function sharedShapes(): SharedShapes {
  let shapes: unknown[] = []
  return {
    getStructures: () => shapes,
    saveStructures: (known) => {
      shapes = known
      return true
    },
    maxSharedStructures: 64,
  }
}
