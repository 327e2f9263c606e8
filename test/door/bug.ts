/** A bug that can be planted into the built library, or into the sources that tests load. */
export interface Bug {
  readonly name: string
  /** What is wrong then. */
  readonly what: string
  readonly file: string
  /** This text, which is there once, … */
  readonly from: string
  /** … is put in the other's place. */
  readonly to: string
}

/** A bug, and what is to find it: the door's fuzzer, or a test of the project. */
export interface Planted extends Bug {
  readonly by: 'door' | `test/${string}.test.ts`
}
