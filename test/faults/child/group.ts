import { connect } from 'node:net'
import type {
  ReplayableConnection,
  ReplayableContext,
  ReplayableSource,
  RevokedOptions,
  SourceRow,
} from 'semel'
import type { Message } from '../messages.js'
import type { Setting } from '../setting.js'
import { offsetOf, textOf } from '../upstream/offsets.js'
import { rowOf } from '../upstream/rows.js'
import { Wire, type Line } from '../upstream/wire.js'
import { Inbox } from './inbox.js'
import { faultPoint } from './points.js'

/** A place as it goes over the wire. */
type SentPlace = readonly [partition: string, offset: string]

/** A membership in the parent's group. */
export function upstreamGroup(path: string, setting: Setting): ReplayableSource<Message> {
  return {
    name: 'the group',
    kind: 'replayable',
    connect: (context) => new Membership(path, setting, context),
  }
}

class Membership implements ReplayableConnection<Message> {
  readonly #setting: Setting
  readonly #context: ReplayableContext
  readonly #wire: Wire
  readonly #batches: Inbox<Line>
  readonly #own = new Set<string>()

  constructor(path: string, setting: Setting, context: ReplayableContext) {
    this.#setting = setting
    this.#context = context
    this.#batches = new Inbox<Line>(context.signal)
    this.#wire = new Wire(connect(path), (line) => this.#hear(line))
    void this.#wire.over.then(() =>
      this.#batches.fail(new Error('the group has ended the connection')),
    )
    this.#wire.send({ join: 'group' })
  }

  async *read(): AsyncGenerator<{
    partition: string
    rows: SourceRow<Message>[]
    offset: number | bigint
  }> {
    for (;;) {
      this.#wire.send({ name: 'more' })
      const line = await this.#batches.next()
      if (line === undefined || line['event'] === 'end') return
      const rows = (line['rows'] as [id: number, offset: string][]).map(([id, offset]) => ({
        ...rowOf(id, this.#setting),
        offset: offsetOf(offset),
      }))
      const last = rows.at(-1)
      if (last === undefined) continue
      yield { partition: line['partition'] as string, rows, offset: last.offset }
    }
  }

  async safe(places: readonly { partition: string; offset: number | bigint }[]): Promise<void> {
    faultPoint('upstream.before-safe')
    await this.#wire.call('safe', {
      places: places.map(({ partition, offset }): SentPlace => [partition, textOf(offset)]),
    })
    faultPoint('upstream.safe')
  }

  async close(): Promise<void> {
    // Whoever else is of the group may have them by now.
    if (this.#wire.isOver) await this.#context.revoked([...this.#own], { lost: true })
    this.#wire.end()
  }

  #hear(line: Line): void {
    if (line['event'] === 'assign') void this.#assign(line['places'] as SentPlace[])
    else if (line['event'] === 'revoke') void this.#revoke(line)
    else this.#batches.put(line)
  }

  async #assign(places: readonly SentPlace[]): Promise<void> {
    for (const [partition] of places) this.#own.add(partition)
    const begun = await this.#context.assigned(
      places.map(([partition, offset]) => ({ partition, offset: offsetOf(offset) })),
    )
    this.#wire.send({
      name: 'begun',
      places: begun.map(({ partition, offset }): SentPlace => [partition, textOf(offset)]),
    })
  }

  async #revoke({ partitions, options }: Line): Promise<void> {
    faultPoint('upstream.revoking')
    for (const partition of partitions as string[]) this.#own.delete(partition)
    await this.#context.revoked(partitions as string[], options as RevokedOptions)
    faultPoint('upstream.revoked')
    this.#wire.send({ name: 'gone', partitions })
    faultPoint('upstream.let-go')
  }
}
