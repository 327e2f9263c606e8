import type { CommitId } from '../../core/transactional.js'
import type { Request } from './wire.js'

/** What whoever calls a transactional sink has promised, and the store can see. */
export class CallRules {
  readonly violations: string[] = []
  readonly #commitsMax: number
  /** Ids that were committed, or were to be. */
  readonly #seen = new Set<string>()

  constructor(commitsMax: number) {
    this.#commitsMax = commitsMax
  }

  /** A connection's calls. */
  caller(): { sent(request: Request): void; answered(request: Request): void } {
    let whom = ''
    let commits = 0
    let others = 0
    return {
      sent: (request) => {
        const { call } = request
        if (call === 'connect') whom = JSON.stringify([request.pipeline, request.shard])
        const mayOverlap = call === 'commit' && others === 0 && commits < this.#commitsMax
        if (!mayOverlap && commits + others > 0) {
          this.#broken(whom, `${call} was called with ${commits + others} calls under way`)
        }
        if (call === 'commit') {
          this.#checkId(whom, request.commit.id, request.commit.parent)
          commits += 1
        } else others += 1
      },
      answered: ({ call }) => {
        if (call === 'commit') commits -= 1
        else others -= 1
      },
    }
  }

  #checkId(whom: string, id: CommitId, parent: CommitId | undefined): void {
    const name = `${id.lineage}/${id.epoch}/${id.n}`
    const key = `${whom} ${name}`
    if (this.#seen.has(key)) this.#broken(whom, `${name} was committed a second time`)
    this.#seen.add(key)
    if (parent === undefined) return
    if (parent.lineage !== id.lineage) this.#broken(whom, `${name} has a parent of another lineage`)
    else if (parent.n >= id.n || parent.epoch > id.epoch) {
      this.#broken(whom, `${name} has the parent ${parent.epoch}/${parent.n}, which is not older`)
    }
  }

  #broken(whom: string, what: string): void {
    this.violations.push(`${whom}: ${what}`)
  }
}
