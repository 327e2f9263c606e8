import { basename } from 'node:path'
import { fileSource, type MalformedRow } from 'semel'
import { random } from '../random.js'

interface Published {
  /**
   * The recording's number in the list and the row's number in it: rows with equal values are
   * separate messages.
   */
  readonly id: string
  /** The exchange numbers what it publishes: 1, 2, 3 …, over all symbols. */
  readonly sequence: number
  readonly symbol: string
}

/** Prices are in 1/10,000 dollar. */
export interface Trade extends Published {
  readonly kind: 'trade'
  readonly time: string
  readonly price: number
  readonly size: number
}

export interface Quote extends Published {
  readonly kind: 'quote'
  readonly ask: number
  readonly askSize: number
  readonly bid: number
  readonly bidSize: number
}

/** What an exchange publishes in a session. */
export interface Feed {
  readonly messages: readonly (Trade | Quote)[]
  /** Rows of a recording that are no messages. */
  readonly malformed: readonly MalformedRow[]
}

type Unnumbered = Omit<Trade, 'sequence'> | Omit<Quote, 'sequence'>

const quoteColumns = { ask: 'number', askSize: 'number', bid: 'number', bidSize: 'number' } as const

/**
 * One feed of several recordings, called `amzn-trades….csv` (with the header Time,Price,Volume) or
 * `aapl-quotes….csv` (ask, its size, bid, its size; no header). Quotes bear no time, so the
 * recordings are spread over the session evenly.
 */
export async function readFeed(files: readonly string[]): Promise<Feed> {
  const malformed: MalformedRow[] = []
  const recordings = await Promise.all(
    files.map((path, i) => readRecording(path, i + 1, malformed)),
  )
  const messages = recordings
    .flatMap((recording) =>
      recording.map((message, row) => ({ message, share: (row + 0.5) / recording.length })),
    )
    .toSorted((a, b) => a.share - b.share)
    .map(({ message }, i) => ({ ...message, sequence: i + 1 }))
  return { messages, malformed }
}

async function readRecording(
  path: string,
  number: number,
  malformed: MalformedRow[],
): Promise<Unnumbered[]> {
  const [, name, kind] = /^([a-z]+)-(trades|quotes)/i.exec(basename(path)) ?? []
  if (name === undefined) {
    throw new Error(`${path}: call a recording SYMBOL-trades….csv or SYMBOL-quotes….csv`)
  }
  const symbol = name.toUpperCase()
  const source =
    kind === 'trades'
      ? fileSource<{ Time: string; Price: number; Volume: number }>(path, {
          columns: { Price: 'number', Volume: 'number' },
        })
      : fileSource<Pick<Quote, keyof typeof quoteColumns>>(path, {
          columns: quoteColumns,
          header: false,
        })
  const messages: Unnumbered[] = []
  let rows = 0
  const signal = new AbortController().signal
  for await (const batch of source.read({ offsets: new Map(), signal })) {
    for (const row of batch.rows) {
      const id = `${number}:${++rows}`
      if ('malformed' in row) {
        malformed.push(row.malformed)
      } else if ('Time' in row.message) {
        const { Time: time, Price: price, Volume: size } = row.message
        messages.push({ kind: 'trade', id, symbol, time, price, size })
      } else {
        messages.push({ kind: 'quote', id, symbol, ...row.message })
      }
    }
  }
  return messages
}

const symbols = ['AAPL', 'AMZN', 'GOOG', 'INTC', 'MSFT']

/** A session of five symbols whose prices wander: two quotes for each trade. */
export function generateFeed(seed: number, count: number): Feed {
  const next = random(seed)
  const upTo = (end: number): number => Math.floor(next() * end)
  const size = (): number => Math.ceil(10 ** (next() * 4.5))
  const start = Date.UTC(2012, 5, 21, 9, 30)
  const prices = symbols.map(() => 100_000 + 100 * upTo(50_000))
  const messages = Array.from({ length: count }, (_, i): Trade | Quote => {
    const at = upTo(symbols.length)
    const price = Math.max(10_000, (prices[at] as number) + 100 * (upTo(5) - 2))
    prices[at] = price
    const published = { id: `0:${i + 1}`, sequence: i + 1, symbol: symbols[at] as string }
    if (upTo(3) === 0) {
      const time = new Date(start + i).toISOString()
      return { kind: 'trade', ...published, time, price, size: size() }
    }
    const ask = price + 100 * (1 + upTo(3))
    return { kind: 'quote', ...published, ask, askSize: size(), bid: price, bidSize: size() }
  })
  return { messages, malformed: [] }
}
