import { graphAt, tradesModule, tradesSample, type Plan } from 'semel/measure'
import { usual, type Setting } from './suite.js'

/** Objects of six fields, by the pipeline that `semel bench` measures as well. */
export async function objects({ sample, pace }: Setting): Promise<Plan> {
  return {
    ...usual,
    seconds: usual.seconds * pace,
    module: tradesModule,
    graph: await graphAt(tradesModule),
    sample: sample('trades', () => tradesSample()),
    message: 'object',
  }
}

/** Raw messages of so many bytes. @param query of raw.pipeline.ts, besides their size */
export async function raw(
  { sample, pace }: Setting,
  bytes: number,
  query: Readonly<Record<string, string>> = {},
): Promise<Plan> {
  const url = new URL('../pipelines/raw.pipeline.js', import.meta.url)
  url.search = new URLSearchParams({ ...query, bytes: String(bytes) }).toString()
  return {
    ...usual,
    seconds: usual.seconds * pace,
    module: url.href,
    graph: await graphAt(url.href),
    sample: sample(`raw${bytes}`, () => rawSample(bytes)),
    message: `raw${bytes}`,
  }
}

/** Enough for a block of those that are pushed together, of at most a megabyte. */
function rawSample(bytes: number): Uint8Array[] {
  const count = Math.min(4096, Math.max(64, 2 ** 20 / bytes))
  return Array.from({ length: count }, (_, index) => {
    const words = new Uint32Array(bytes / 4)
    for (let at = 0; at < words.length; at++) words[at] = at % 1000
    words[0] = index + 1
    words[1] = 0
    return new Uint8Array(words.buffer)
  })
}
