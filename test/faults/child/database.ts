import {
  RejectedOutputs,
  type Begun,
  type Commit,
  type Held,
  type Sink,
  type SinkContext,
  type TransactionalConnection,
} from 'semel'
import { sqlite } from 'semel/sqlite'
import type { Output } from '../messages.js'
import { Random } from '../random.js'
import type { Setting } from '../setting.js'
import { faultPoint } from './points.js'
import { intoPostgres } from './postgres.js'
import { columns, type Row } from './row.js'

type Outputs = Parameters<TransactionalConnection<Output>['commit']>[0]

/** What becomes of a call; `late`: it takes effect when its connection has long been given up. */
type Fate = 'answered' | 'fails' | 'unanswered' | 'late' | 'again'

/** Longer than the pause before a sink is asked, and shorter: a late call lands before that, or behind. */
const lateMsMax = 60
let connections = 0

/**
 * A table of a database, with fault points around its calls; where the setting says so, some calls
 * fail, in each of the ways in which a network makes them fail. The table itself refuses what the message
 * says is refused.
 */
export function faultyDatabase(
  setting: Setting,
  path: string,
  seed: string,
): Sink<Output, 'transactional'> {
  const inner =
    setting.postgres === undefined
      ? sqlite<Row>(path, { table: 'outputs', columns })
      : intoPostgres(path, setting.postgres)
  return Object.freeze({
    name: inner.name,
    kind: 'transactional' as const,
    async connect(context: SinkContext) {
      const connection = (await inner.connect(context)) as TransactionalConnection<Row>
      const of = `${seed} shard ${context.shard} connection ${connections++}`
      const random = setting.sinkFails ? new Random(of) : undefined
      return new FaultyDatabase(connection, context, random)
    },
  })
}

class FaultyDatabase implements TransactionalConnection<Output> {
  readonly #inner: TransactionalConnection<Row>
  /** Whether it is there to take the shard over, and not for the opening's question alone. */
  readonly #takesOver: boolean
  readonly #random: Random | undefined
  #late: Promise<unknown> | undefined

  constructor(
    inner: TransactionalConnection<Row>,
    { epoch }: SinkContext,
    random: Random | undefined,
  ) {
    this.#inner = inner
    this.#takesOver = epoch > 0
    this.#random = random
  }

  async begin(lineage: string): Promise<Begun> {
    faultPoint(this.#takesOver ? 'runtime.sink-before-raise' : 'runtime.sink-asking')
    const begun = await this.#fated(0.04, () => this.#inner.begin(lineage))
    faultPoint(this.#takesOver ? 'runtime.sink-raised' : 'runtime.sink-asked')
    return begun
  }

  async commit(outputs: Outputs, commit: Commit): Promise<void> {
    const bounced = outputs.flatMap(({ value }, i) => (value.bounces === true ? [i] : []))
    if (bounced.length > 0) {
      throw new RejectedOutputs(new Map(bounced.map((i) => [i, new Error('refused this time')])))
    }
    const { epoch, n } = commit.id
    const rows = outputs.map(({ value, origin }) => {
      const { shard, sequence } = origin
      return { value: { ...value, shard, epoch, n, sequence }, origin }
    })
    faultPoint('runtime.sink-before-transaction')
    await this.#fated(0.015, () => this.#inner.commit(rows, commit))
    faultPoint('runtime.sink-committed')
  }

  last(): Promise<Held | undefined> {
    return this.#inner.last()
  }

  write(): never {
    throw new Error('under exactly-once every write is a commit')
  }

  close(): void | Promise<void> {
    if (this.#late === undefined) return this.#inner.close()
    // Whoever has given it up does not wait for what is still under way.
    void this.#late.then(() => this.#inner.close())
  }

  /** @param share of the calls that have one fate but the ordinary one */
  async #fated<R>(share: number, call: () => Promise<R>): Promise<R> {
    switch (this.#fate(share)) {
      case 'answered':
        return call()
      case 'fails':
        throw new Error('the connection is lost before the call')
      case 'unanswered':
        await call()
        throw new Error('the connection is lost before the answer')
      case 'late': {
        const ms = (this.#random as Random).below(lateMsMax)
        this.#late = new Promise((resolve) => {
          setTimeout(resolve, ms)
        })
          .then(call)
          .catch(() => {})
        throw new Error('the connection is lost, and the call is still under way')
      }
      case 'again': {
        const answer = await call()
        // What a network delivers twice is refused, or changes nothing; that is for the judge.
        await call().catch(() => {})
        return answer
      }
    }
  }

  #fate(share: number): Fate {
    const drawn = (this.#random?.next() ?? 1) / share
    return drawn < 1
      ? 'fails'
      : drawn < 2
        ? 'unanswered'
        : drawn < 3
          ? 'late'
          : drawn < 4
            ? 'again'
            : 'answered'
  }
}
