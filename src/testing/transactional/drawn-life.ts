import type { CommitId, Commit, Held, TransactionalConnection } from '../../core/transactional.js'
import { Random } from '../random.js'
import { originOf, positionAt } from '../origin-of.js'
import { plainOf, positionsOf } from './chain.js'

interface World {
  connect(): Promise<TransactionalConnection<unknown>>
  output(id: number): unknown
  readonly bad: { readonly output: unknown } | undefined
}

export interface Lived {
  /** The numbers of the outputs that are to be there. */
  readonly held: readonly number[]
  /** Where an answer was not the model's. */
  readonly differences: readonly string[]
}

const steps = 60
const lineages = ['A', 'A', 'A', 'A', 'B'] as const

/** Calls drawn from a seed, over three connections, one after another, and what a plain model says to them. */
export async function drawLife(seed: string, world: World): Promise<Lived> {
  const random = new Random(seed)
  const connections = [await world.connect(), await world.connect(), await world.connect()]
  const model = new Model()
  const differences: string[] = []
  let outputs = 0
  for (let step = 0; step < steps; step++) {
    const at = random.below(connections.length)
    const connection = connections[at] as TransactionalConnection<unknown>
    const drawn = random.below(10)
    if (drawn === 0) {
      await connection.close()
      connections[at] = await world.connect()
    } else if (drawn === 1) {
      compare(step, 'last', plainOf(await connection.last()), plainOf(model.held))
    } else if (drawn === 2) {
      await connection.write([world.output(outputs)], positionAt(step))
      model.outputs.push(outputs++)
    } else if (drawn <= 4) {
      const lineage = lineages[random.below(lineages.length)] as string
      const begun = await connection.begin(lineage)
      compare(step, `begin ${lineage}`, begun.last, model.last)
      if (!model.begin(lineage, begun.epoch)) differences.push(`${step}: epoch ${begun.epoch}`)
    } else if (model.epoch > 0) {
      const commit = drawCommit(random, model, step)
      const count = random.below(4)
      const ids = Array.from({ length: count }, () => outputs++)
      // Where the commit is refused anyway, nobody says which of the two comes first.
      const isBad = world.bad !== undefined && model.takes(commit) && random.below(5) === 0
      const values = ids.map(world.output)
      if (isBad) values.splice(random.below(count + 1), 0, world.bad?.output)
      const answer = await answerOf(connection, values, commit)
      const due = isBad ? 'RejectedOutputs' : model.commit(commit, ids)
      compare(step, `commit ${JSON.stringify({ ...commit, positions: undefined })}`, answer, due)
    }
  }
  compare(steps, 'last', plainOf(await connections[0]?.last()), plainOf(model.held))
  return { held: model.outputs, differences }

  function compare(step: number, what: string, answer: unknown, due: unknown): void {
    if (JSON.stringify(idOf(answer)) === JSON.stringify(idOf(due))) return
    differences.push(
      `step ${step} of ${seed}: ${what} answered ${JSON.stringify(answer)}, and not ${JSON.stringify(due)}`,
    )
  }
}

/** Of an id its three parts, in one order. */
function idOf(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer
  const { lineage, epoch, n, ...more } = answer as CommitId
  return [lineage, epoch, n, more]
}

async function answerOf(
  connection: TransactionalConnection<unknown>,
  values: readonly unknown[],
  commit: Commit,
): Promise<string> {
  const outputs = values.map((value, index) => ({
    value,
    origin: originOf(commit.through, index),
  }))
  try {
    await connection.commit(outputs, commit)
    return 'in'
  } catch (thrown) {
    return (thrown as Error).name
  }
}

/** What may be next, or a mistake that the sink is to find. */
function drawCommit(random: Random, { last, epoch, lineage }: Model, step: number): Commit {
  const id = { lineage, epoch, n: (last?.n ?? 0) + 1 + random.below(3) }
  const good = { id, parent: last, through: step, positions: positionsOf(step) }
  switch (random.below(8)) {
    case 0:
      return { ...good, id: { ...id, epoch: Math.max(0, epoch - 1 - random.below(2)) } }
    case 1:
      return { ...good, parent: last === undefined ? { ...id, n: id.n - 1 } : undefined }
    case 2:
      return { ...good, parent: { ...id, ...last, n: (last?.n ?? 0) + 1 } }
    case 3:
      return last === undefined ? good : { ...good, id: last, parent: { ...last, n: last.n - 1 } }
    default:
      return good
  }
}

/** What a transactional sink is, for one shard. */
class Model {
  epoch = 0
  /** Of the newest epoch. */
  lineage = ''
  held: Held | undefined
  readonly outputs: number[] = []

  get last(): CommitId | undefined {
    return this.held?.id
  }

  /** Whether the epoch that was given is one that may be. */
  begin(lineage: string, epoch: number): boolean {
    if (this.last !== undefined && this.last.lineage !== lineage) return true
    const before = this.epoch
    this.epoch = epoch
    this.lineage = lineage
    return epoch > before
  }

  takes({ id, parent }: Commit): boolean {
    return (
      id.epoch === this.epoch && JSON.stringify(idOf(parent)) === JSON.stringify(idOf(this.last))
    )
  }

  commit(commit: Commit, ids: readonly number[]): string {
    if (!this.takes(commit)) return 'CommitRefused'
    this.held = commit
    this.outputs.push(...ids)
    return 'in'
  }
}
