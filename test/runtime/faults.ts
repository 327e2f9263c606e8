import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DeadLetter, OpenOptions, Stream } from 'semel'
import { expect } from 'vitest'
import { deliveries, type Delivery } from '../../src/core/delivery.js'
import { keys, type Order } from '../fixtures/orders.js'
import { fixture, opened, outputs, scratch, small } from './verbs.js'

export interface Faulty {
  delivery: Delivery
  /** At-most-once knows ids as well. */
  known?: 'yes' | 'no'
  how?: 'sync' | 'async' | 'batch'
  shards?: number
  workers?: number
  /** Ids, separated by commas. */
  poison?: string
  by?: string
  ms?: number
  times?: number
  attempts?: number
  backoff?: number
}

/** A place for a stream of orders, some of which harm the worker that they are processed by. */
export class FaultySetting {
  readonly dir = scratch()
  readonly to = join(this.dir, 'out.ndjson')
  readonly data = join(this.dir, 'data')
  readonly #faulty: Faulty
  readonly options: OpenOptions

  constructor(faulty: Faulty, options: OpenOptions = {}) {
    this.#faulty = faulty
    const { delivery, shards = 1, workers = 1 } = faulty
    const kept = delivery !== 'at-most-once'
    this.options = {
      ...small,
      shards,
      workers,
      ...(kept ? { dir: this.data, durability: 'process' } : {}),
      ...options,
    }
  }

  /** The pipeline's module; `change` is what differs from the setting. */
  url(change: Partial<Faulty> = {}): URL {
    const { shards: _, workers: __, ...parameters } = { ...this.#faulty, ...change }
    return fixture('faulty.pipeline', {
      how: 'sync',
      known: 'no',
      poison: '',
      by: 'exit',
      to: this.to,
      ...parameters,
    })
  }

  open(change: Partial<Faulty> = {}): Promise<Stream<Order>> {
    return opened<Order>(this.url(change), this.options)
  }

  written(): Order[] {
    return outputs<Order>(this.to, this.options.shards ?? 1)
  }

  /** How often a harmful order was run. */
  runs(id: number): number {
    if (!existsSync(`${this.to}.runs`)) return 0
    const lines = readFileSync(`${this.to}.runs`, 'utf8').split('\n')
    return lines.filter((line) => line === String(id)).length
  }

  /** Of `count` orders all but `without` were written, each key in order; once each where that was promised. */
  expectWritten(count: number, without: readonly number[] = []): void {
    const found = this.written()
    const distinct = new Set(found.map(({ id }) => id))
    const missing = Array.from({ length: count }, (_, id) => id).filter((id) => !distinct.has(id))
    expect(missing, 'the orders that were not written').toEqual(without)
    // A file is cut back to what was committed, so at least once nothing is seen twice there either.
    expect(found).toHaveLength(distinct.size)
    for (const key of keys) {
      const numbers = found.filter((one) => one.key === key).map(({ n }) => n)
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
  }
}

export const keptDeliveries = deliveries.filter((delivery) => delivery !== 'at-most-once')

/** The deaths of a stream's workers, as it tells of them. */
export function deathsOf(stream: Stream<Order>): { error: string; deaths: number }[] {
  const deaths: { error: string; deaths: number }[] = []
  stream.on('worker-replaced', ({ error, deaths: inRow }) => deaths.push({ error, deaths: inRow }))
  return deaths
}

/** Its history tells of so many deaths, and of nothing else. */
export function expectDeaths(
  letter: DeadLetter | undefined,
  attempts: number,
  error: RegExp,
): void {
  expect(letter?.attempts).toBe(attempts)
  expect(letter?.history.map(({ attempt }) => attempt)).toEqual(
    Array.from({ length: attempts }, (_, at) => at + 1),
  )
  for (const failed of letter?.history ?? []) expect(failed.error).toMatch(error)
}
