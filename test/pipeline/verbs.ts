import { expect } from 'vitest'
import { InvalidArgumentError } from '../../src/core/errors.js'
import type { Sink, SinkKind } from '../../src/core/sink.js'
import { frames } from '../../src/pipeline/frames.js'
import { graphOf, type Definition, type Graph } from '../../src/pipeline/graph.js'
import { pipeline } from '../../src/pipeline/pipeline.js'

export interface Trade {
  id: bigint
  symbol: string
  size: number
}

// What a JavaScript user can call: every step, with anything.
export type Step = (...args: unknown[]) => Untyped
export type Untyped = Record<
  | 'deliver'
  | 'keyBy'
  | 'filter'
  | 'map'
  | 'flatMap'
  | 'tap'
  | 'batch'
  | 'retry'
  | 'concurrency'
  | 'to',
  Step
>

export const identified = { id: (trade: Trade) => trade.id, window: '24h' }
export const produced = {
  producer: (trade: Trade) => ({ id: trade.symbol, epoch: 1, sequence: trade.size }),
}
export const trades = () => pipeline('trades').accepts<Trade>()
export const untyped = () => trades() as unknown as Untyped
export const rawUntyped = (size = 64) =>
  pipeline('raw').accepts(frames({ size })) as unknown as Untyped

export function sink<K extends SinkKind>(kind: K, name: string = kind): Sink<unknown, K> {
  return Object.freeze({
    name,
    kind,
    connect: () => ({ write: () => undefined, close: () => undefined }),
  })
}

export function graph(definition: Definition<never>): Graph {
  const found = graphOf(definition)
  if (found === undefined) throw new Error('not a definition')
  return found
}

export function refused(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidArgumentError)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}
