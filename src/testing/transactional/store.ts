import {
  isSameCommit,
  type Begun,
  type Commit,
  type CommitId,
  type Held,
  type Output,
} from '../../core/transactional.js'

/** A commit that has taken effect. */
export interface StoredCommit {
  readonly id: CommitId
  readonly parent: CommitId | undefined
  readonly through: number
  readonly positions: Uint8Array
  readonly outputs: readonly Output<unknown>[]
}

/** What a call was answered. */
export type StoreAnswer =
  | { readonly done: unknown }
  | { readonly refused: string }
  /** Index of an output → why. */
  | { readonly rejected: readonly (readonly [number, string])[] }

/** What is kept for one shard of a pipeline: the whole contract of a transactional sink, without its way there. */
export class ShardStore {
  epoch = 0
  held: Held | undefined
  readonly commits: StoredCommit[] = []
  /** Of `commits` and of writes without one, in the order in which they took effect. */
  readonly values: unknown[] = []
  readonly #rejects: (value: unknown) => string | undefined

  constructor(rejects: (value: unknown) => string | undefined) {
    this.#rejects = rejects
  }

  get last(): CommitId | undefined {
    return this.held?.id
  }

  begin(lineage: string): Begun {
    if (this.last === undefined || this.last.lineage === lineage) this.epoch += 1
    return { epoch: this.epoch, last: this.last }
  }

  /** @param refused these outputs, by index, are refused this time */
  commit(
    outputs: readonly Output<unknown>[],
    { id, parent, through, positions }: Commit,
    refused: readonly number[] = [],
  ): StoreAnswer {
    if (id.epoch !== this.epoch) {
      return { refused: `epoch ${id.epoch} is not the newest one, ${this.epoch}` }
    }
    if (!isSameCommit(parent, this.last)) {
      return { refused: `the parent ${text(parent)} is not what is held, ${text(this.last)}` }
    }
    const values = outputs.map(({ value }) => value)
    const rejected = this.#rejected(values, refused)
    if (rejected !== undefined) return rejected
    this.held = { id, through, positions }
    this.commits.push({ id, parent, through, positions, outputs })
    this.values.push(...values)
    return { done: undefined }
  }

  write(values: readonly unknown[], refused: readonly number[] = []): StoreAnswer {
    const rejected = this.#rejected(values, refused)
    if (rejected !== undefined) return rejected
    this.values.push(...values)
    return { done: undefined }
  }

  /** Forgets all that was committed; the epoch too, where that went with it. */
  drop(epochs: boolean): void {
    this.held = undefined
    this.commits.length = 0
    this.values.length = 0
    if (epochs) this.epoch = 0
  }

  #rejected(values: readonly unknown[], refused: readonly number[]): StoreAnswer | undefined {
    const rejected = values.flatMap((value, at) => {
      const why = refused.includes(at) ? 'it was asked to be refused' : this.#rejects(value)
      return why === undefined ? [] : [[at, why] as const]
    })
    return rejected.length === 0 ? undefined : { rejected }
  }
}

function text(id: CommitId | undefined): string {
  return id === undefined ? 'none' : `${id.lineage}/${id.epoch}/${id.n}`
}
