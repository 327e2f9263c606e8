// What the compiler says, in full, and what a run says, for each refusal: refusals.txt.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import * as semel from 'semel'
import { expect, it } from 'vitest'
import { scratch } from '../runtime/verbs.js'
import { compilerTexts } from './compiler.js'

/** TypeScript, and JavaScript once its types are cut out: the same names stand for the same values. */
const prelude = `
import { at, forEach, frames, pipeline, type Delivery, type Sink } from 'semel'
interface Trade { readonly id: bigint; readonly symbol: string; readonly size: number }
declare const delivery: Delivery
declare const unknownKind: Sink<Trade>
const trades = pipeline('trades').accepts<Trade>()
const raw = pipeline('raw').accepts(frames({ size: 64 }))
function store(_trade: Trade): void {}
declare function chosen(trade: Trade): 'exactly-once' | 'at-most-once'
const id = (trade: Trade) => trade.id
const window = '24h'
const producer = (trade: Trade) => ({ id: trade.symbol, epoch: 1, sequence: trade.size })
`

const { at, forEach, frames, pipeline } = semel
function store(): void {}
const context = createContext({
  at,
  forEach,
  delivery: 'exactly-once',
  unknownKind: forEach(store),
  trades: pipeline('trades').accepts(),
  raw: pipeline('raw').accepts(frames({ size: 64 })),
  store,
  chosen: () => 'at-most-once',
  id: (trade: { id: bigint }) => trade.id,
  window: '24h',
  producer: () => ({}),
})

const refused = [
  `trades.deliver('exactly-once', { id, window }).to(forEach(store))`,
  `trades.deliver('exactly-once', { producer }).to(forEach(store))`,
  `trades.deliver('exactly-once', { id, window }).to(unknownKind)`,
  `trades.deliver(delivery, { id, window }).to(forEach(store))`,
  `trades.deliver(delivery, { id, window }).to(unknownKind)`,
  `trades.to(forEach(store))`,
  `trades.deliver('exactly-once', { id, window }).to({ name: 'mine' })`,
  `trades.deliver('exactly-once')`,
  `trades.deliver('exactly-once', {})`,
  `trades.deliver('exactly-once', { id })`,
  `trades.deliver('exactly-once', { window })`,
  `trades.deliver('exactly-once', { whenFull: 'wait' })`,
  `trades.deliver(delivery)`,
  `trades.deliver(delivery, {})`,
  `trades.deliver('at-least-once', { id })`,
  `trades.deliver('at-most-once', { window })`,
  `trades.deliver('at-most-once', { maxIds: 10 })`,
  `trades.deliver('at-least-once', { id, window, whenFull: 'wait' })`,
  `trades.deliver('exactly-once', { producer, id })`,
  `trades.deliver('exactly-once', { producer, id, window })`,
  `trades.deliver('exactly-once', { producer, whenFull: 'wait' })`,
  `trades.deliver('at-least-once', { producer, id, window })`,
  `trades.deliver('at-least-once', { producer, maxIds: 10 })`,
  `trades.deliver('at-least-once', { producer: 'till-1' })`,
  `trades.deliver('exactly')`,
  `trades.deliver('exactly', { id, window })`,
  `trades.deliver('at-least-once').deliver('at-most-once')`,
  `trades.deliver('at-least-once').deliver('exactly-once', { id, window })`,
  `trades.deliver('exactly-once', { id: at(8), window })`,
  `trades.deliver((trade) => chosen(trade))`,
  `trades.deliver((trade) => chosen(trade), {})`,
  `trades.deliver((trade) => chosen(trade), { 'exactly-once': { id }, 'at-most-once': {} })`,
  `trades.deliver((trade) => chosen(trade), { 'exactly-once': { id, window }, 'at-most-once': { whenFull: 'wait' } })`,
  `trades.deliver('at-most-once').deliver((trade) => chosen(trade), { 'exactly-once': { id, window }, 'at-most-once': {} })`,
  `trades.deliver((trade) => chosen(trade), { 'exactly-once': { id, window }, 'at-most-once': {} }).to(forEach(store))`,
  `trades.keyBy(at(8))`,
  `trades.keyBy(id).keyBy(id)`,
  `trades.map(id).keyBy(id)`,
  `raw.batch(10, { within: 1 })`,
]

/** What only a run can know. */
const opened = [
  [`trades.deliver('at-least-once', { id, window }).to(forEach(store))`, 'exactly-once'],
  [`trades.deliver('at-least-once').to(forEach(store, { idempotent: true }))`, 'exactly-once'],
  [`trades.deliver('at-least-once').to(forEach(store))`, 'twice'],
] as const

async function said(make: () => unknown): Promise<string> {
  try {
    await make()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it is not refused')
}

it('each refusal has its text, in the compiler and at run time: npx vitest run test/types/refusals.test.ts -u', async () => {
  const compiler = await compilerTexts(prelude, refused)
  const entries = await Promise.all(
    refused.map(async (source, i) => {
      expect(compiler[i], `it compiles: ${source}`).not.toBe('')
      const run = await said(() => runInContext(source, context))
      return `${source}\n\nCompiler: ${compiler[i]}\n\nRun time: ${run}\n`
    }),
  )
  const dir = join(scratch(), 'data')
  for (const [source, delivery] of opened) {
    const definition = runInContext(source, context) as semel.Definition<unknown>
    const run = await said(() =>
      semel.open(definition, { dir, workers: 0, delivery: delivery as never }),
    )
    entries.push(`open(${source}, { delivery: '${delivery}' })\n\nRun time: ${run}\n`)
  }
  expect(existsSync(dir)).toBe(false)
  await expect(entries.join('\n----\n\n')).toMatchFileSnapshot('./refusals.txt')
}, 60_000)
