// What may be written together and what may not, said once more and in another way than the types say
// it; combinations.test.ts is made of it.
import { deliveries, type Delivery } from '../../src/core/delivery.js'
import type { SinkKind } from '../../src/core/sink.js'
import { refusals } from '../../src/pipeline/refusals.js'

/** A delivery that the compiler knows, or one that it does not. */
type Given = Delivery | 'unknown'

const given: readonly Given[] = [...deliveries, 'unknown']
const kinds: readonly (SinkKind | 'unknownKind')[] = [
  'transactional',
  'rewindable',
  'idempotent',
  'repeatable',
  'unknownKind',
]

/** The options that tell copies, and with which of them each delivery is refused. */
const dedup = [
  { name: 'no options', code: '', refusedBy: { 'exactly-once': 'identified' } },
  {
    name: 'an id only',
    code: '{ id }',
    refusedBy: {
      'at-most-once': 'windowMissing',
      'at-least-once': 'windowMissing',
      'exactly-once': 'windowNeeded',
    },
  },
  {
    name: 'a window only',
    code: '{ window }',
    refusedBy: {
      'at-most-once': 'idMissing',
      'at-least-once': 'idMissing',
      'exactly-once': 'idNeeded',
    },
  },
  { name: 'id and window', code: '{ id, window }', refusedBy: {} },
  { name: 'a producer', code: '{ producer }', refusedBy: {} },
  {
    name: 'a producer and an id',
    code: '{ producer, id }',
    refusedBy: {
      'at-most-once': 'idProduced',
      'at-least-once': 'idProduced',
      'exactly-once': 'idProduced',
    },
  },
  {
    name: 'a producer and a window',
    code: '{ producer, window }',
    refusedBy: {
      'at-most-once': 'windowProduced',
      'at-least-once': 'windowProduced',
      'exactly-once': 'windowProduced',
    },
  },
  {
    name: 'a producer, id and window',
    code: '{ producer, id, window }',
    refusedBy: {
      'at-most-once': 'idProduced',
      'at-least-once': 'idProduced',
      'exactly-once': 'idProduced',
    },
  },
] as const satisfies readonly {
  name: string
  code: string
  refusedBy: Partial<Record<Delivery, keyof typeof texts>>
}[]

/** The texts at run time. */
const texts = {
  carrier: `to: the sink repeatable is repeatable, and exactly-once ${refusals.carrier}`,
  carrierAtOpen: `open: the sink repeatable is repeatable, and exactly-once ${refusals.carrier}`,
  identified: `deliver: ${refusals.identified}`,
  identifiedAtOpen: `open: ${refusals.identified}`,
  windowNeeded: "deliver: exactly-once needs a window: add deliver('exactly-once', { id, window })",
  idNeeded: "deliver: exactly-once needs an id: add deliver('exactly-once', { id, window })",
  windowMissing:
    'deliver.window: it is missing, and id means nothing without it; give both or neither',
  idMissing: 'deliver.id: it is missing, and window means nothing without it; give both or neither',
  idProduced: `deliver.id: ${refusals.produced}`,
  windowProduced: `deliver.window: ${refusals.produced}`,
  undelivered: `pipeline trades: ${refusals.undelivered}`,
  delivered: `pipeline trades: ${refusals.delivered}`,
  keyed: `pipeline trades: ${refusals.keyed}`,
  operated: `pipeline trades: ${refusals.operated}`,
}

/** Where `deliver` may stand. */
const places = {
  plain: (deliver: string) => `trades${deliver}`,
  keyedBefore: (deliver: string) => `keyed${deliver}`,
  keyedBehind: (deliver: string) => `trades${deliver}.keyBy(key)`,
  mappedBefore: (deliver: string) => `mapped${deliver}`,
  mappedBehind: (deliver: string) => `keyed${deliver}.map(size)`,
} as const

const head = `// Generated: npx vitest run test/types/generated.test.ts -u. What it says is in combinations.ts.
import { describe, it } from 'vitest'
import type { Delivery } from '../../src/core/delivery.js'
import type { Sink } from '../../src/core/sink.js'
import { withDelivery } from '../../src/pipeline/graph.js'
import { graph, identified, produced, sink, trades as begin } from '../pipeline/verbs.js'
import type { Trade } from '../pipeline/verbs.js'
import { accepted, refusedWith } from './verbs.js'

const trades = begin()
const { id, window } = identified
const { producer } = produced
const key = (trade: Trade) => trade.symbol
const size = (trade: Trade) => trade.size
const kept = () => true
const listed = (trade: Trade) => [trade]
const keyed = trades.keyBy(key)
const mapped = trades.map(size)
const unknown = 'exactly-once' as Delivery
const transactional = sink('transactional')
const rewindable = sink('rewindable')
const idempotent = sink('idempotent')
const repeatable = sink('repeatable')
const unknownKind: Sink<unknown> = repeatable
`

export function combinationsTest(): string {
  const refused = refusedWith()
  const blocks = [
    head,
    refused,
    ...given.flatMap((delivery) => dedup.map((options) => delivered(delivery, options))),
    undelivered(),
    ordered(),
    ...deliveries.map((delivery) => redelivered(delivery)),
  ]
  return `${blocks.join('\n')}`
}

function refusedWith(): string {
  const lines = Object.entries(texts).map(([name, text]) => {
    const quoted = text.includes("'") ? JSON.stringify(text) : `'${text}'`
    const line = `  ${name}: ${quoted},`
    return line.length <= 100 ? line : `  ${name}:\n    ${quoted},`
  })
  return `const refused = refusedWith({\n${lines.join('\n')}\n})\n`
}

function delivered(delivery: Given, { name, code, refusedBy }: (typeof dedup)[number]): string {
  const word = delivery === 'unknown' ? 'unknown' : `'${delivery}'`
  const call = code === '' ? `.deliver(${word})` : `.deliver(${word}, ${code})`
  const title = delivery === 'unknown' ? 'a delivery that is not known' : delivery
  // What fits every delivery fits one that is not known; when it runs, it is exactly-once.
  const atRun: Delivery = delivery === 'unknown' ? 'exactly-once' : delivery
  const why = (refusedBy as Partial<Record<Delivery, string>>)[atRun]
  const lines =
    why === undefined
      ? [
          ...Object.entries(places).map(([place, of]) => `  const ${place} = ${of(call)}`),
          ...kinds.flatMap((kind) => sunk(atRun, kind)),
        ]
      : [
          `  it('is refused', () => {`,
          ...['trades', 'keyed', 'mapped'].flatMap((before) => [
            `    // @ts-expect-error ${why}`,
            `    refused('${why}', () => ${before}${call})`,
          ]),
          '  })',
        ]
  return block(`${title} with ${name}`, lines)
}

function sunk(delivery: Delivery, kind: (typeof kinds)[number]): string[] {
  const isRefused = delivery === 'exactly-once' && (kind === 'repeatable' || kind === 'unknownKind')
  return [
    '',
    `  it('${isRefused ? 'refuses' : 'takes'} ${kind === 'unknownKind' ? 'a sink of a kind that is not known' : `a sink that is ${kind}`}', () => {`,
    ...Object.keys(places).flatMap((place) =>
      isRefused
        ? ['    // @ts-expect-error carrier', `    refused('carrier', () => ${place}.to(${kind}))`]
        : [`    accepted(() => ${place}.to(${kind}))`],
    ),
    '  })',
  ]
}

function undelivered(): string {
  return block('no delivery', [
    `  it('is refused with every sink', () => {`,
    ...kinds.flatMap((kind) => [
      '    // @ts-expect-error undelivered',
      `    refused('undelivered', () => trades.to(${kind}))`,
    ]),
    '  })',
  ])
}

function ordered(): string {
  const options = '{ id, window }'
  const steps = {
    delivered: [
      ...deliveries.map((delivery) => `trades.deliver('at-most-once').deliver('${delivery}')`),
      `mapped.deliver('at-most-once').deliver('exactly-once', { producer })`,
    ],
    keyed: [
      'trades.keyBy(key).keyBy(key)',
      `trades.keyBy(key).deliver('exactly-once', ${options}).keyBy(key)`,
    ],
    operated: [
      'filter(kept)',
      'map(size)',
      'flatMap(listed)',
      'tap(size)',
      'batch(2, { within: 1 })',
    ].map((step) => `trades.${step}.keyBy(key)`),
  }
  const lines = Object.entries(steps).flatMap(([why, refused], at) => [
    ...(at === 0 ? [] : ['']),
    `  it('is refused: ${why}', () => {`,
    ...refused.flatMap((step) => [
      `    // @ts-expect-error ${why}`,
      `    refused('${why}', () => ${step})`,
    ]),
    '  })',
  ])
  return block('the order of steps', lines)
}

/** What `open` is told goes for what was said before; only a run can know. */
function redelivered(to: Delivery): string {
  const lines: string[] = []
  for (const from of deliveries) {
    for (const { name, code, refusedBy } of dedup) {
      if (Object.keys(refusedBy).length > 1 || (code === '' && from === 'exactly-once')) continue
      const call = code === '' ? `deliver('${from}')` : `deliver('${from}', ${code})`
      if (lines.length > 0) lines.push('')
      lines.push(`  it('from ${from} with ${name}', () => {`, `    const start = trades.${call}`)
      for (const kind of kinds) {
        if (kind === 'unknownKind' || (from === 'exactly-once' && kind === 'repeatable')) continue
        const change = `() => withDelivery(graph(start.to(${kind})), '${to}')`
        const isLoose = to === 'exactly-once'
        const why =
          isLoose && code === ''
            ? 'identifiedAtOpen'
            : isLoose && kind === 'repeatable'
              ? 'carrierAtOpen'
              : undefined
        lines.push(
          why === undefined ? `    accepted(${change})` : `    refused('${why}', ${change})`,
        )
      }
      lines.push('  })')
    }
  }
  return block(`opening with ${to}`, lines)
}

function block(title: string, lines: readonly string[]): string {
  return `describe('${title}', () => {\n${lines.join('\n')}\n})\n`
}
