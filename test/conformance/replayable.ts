import { fixed, forEach, open, pipeline, type Definition, type Place, type Stream } from 'semel'
import { small } from '../runtime/verbs.js'

export interface Row {
  readonly id: number
  readonly partition: string
  readonly key: number
}

export type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once' | 'by position'

export const idOf = ({ partition, id }: Row): string => `${partition}/${id}`

export function rows(partition: string, count: number, keys = 7): Row[] {
  return Array.from({ length: count }, (_, id) => ({ id, partition, key: id % keys }))
}

/** Outputs go to `took`; the keys of partitions are apart. */
export function pipelineOf(
  delivery: Delivery,
  took: (row: Row) => unknown,
  more: {
    attempts?: number
    /** Rows of an operator batch, which a later step takes apart. */
    batch?: number
    handle?: (row: Row, signal: AbortSignal) => unknown
  } = {},
): Definition<Row> {
  const accepted = pipeline('rows').accepts<Row>()
  const delivered =
    delivery === 'by position'
      ? (accepted.deliver('exactly-once', { by: 'position' }) as never)
      : delivery === 'exactly-once'
        ? accepted.deliver(delivery, { id: idOf, window: '1h' })
        : accepted.deliver(delivery)
  const { handle } = more
  const keyed = delivered
    .keyBy(({ partition, key }) => `${partition}/${key}`)
    .retry({ attempts: more.attempts ?? 1, backoff: fixed('1ms') })
    .tap((row, context) => handle?.(row, context.signal) as Promise<void> | undefined)
  const sink = forEach((row: Row) => took(row), { idempotent: true })
  if (more.batch === undefined) return keyed.to(sink)
  return keyed
    .batch(more.batch, { within: '2ms' })
    .flatMap((list) => list)
    .to(sink)
}

export async function opened(
  definition: Definition<Row>,
  dir: string,
  more: Parameters<typeof open>[1] = {},
): Promise<Stream<Row>> {
  return open<Row>(definition, { ...small, dir, workers: 0, durability: 'process', ...more })
}

export const numbered = (a: number, b: number): number => a - b

/** A gate that lets nobody through until it is opened. */
export class Gate {
  open!: () => void
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

/** How often each was taken. */
export function counted(took: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const one of took) times.set(one, (times.get(one) ?? 0) + 1)
  return times
}

export const all = (count: number, ...partitions: string[]): string[] =>
  partitions.flatMap((partition) => rows(partition, count).map(idOf)).toSorted()

/** Fails where a place is told safe before all rows up to there have had their effect. */
export const onlyBehind =
  (took: readonly string[]) =>
  ({ partition, offset }: Place): void => {
    const missing = rows(partition, Number(offset)).find((row) => !took.includes(idOf(row)))
    if (missing !== undefined) throw new Error(`${offset} is safe without ${idOf(missing)}`)
  }

export const rowAt = (offset: unknown): object => ({
  message: { id: 1, partition: 'a', key: 1 },
  offset,
})
