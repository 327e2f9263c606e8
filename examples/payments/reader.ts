import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { schema } from './ledger.js'

export interface Reads {
  readonly count: number
  /** What did not add up, when it was looked at. */
  readonly wrong: readonly string[]
}

const betweenMs = 2
const wrongMax = 10

/** Somebody else, who looks at the ledger while it is written: whenever that is, its sums are right. */
export async function readBooks(url: string, signal: AbortSignal): Promise<Reads> {
  const client = new Client(url)
  await client.connect()
  const wrong: string[] = []
  let count = 0
  try {
    while (!signal.aborted) {
      const { rows } = await client.query<{ sum: string; entries: string; payments: string }>(
        `SELECT coalesce(sum(cents), 0) AS sum, count(*) AS entries, count(DISTINCT payment) AS payments FROM ${schema}.entries`,
      )
      count += 1
      const { sum, entries, payments } = rows[0] as (typeof rows)[number]
      const isRight = sum === '0' && Number(entries) === 2 * Number(payments)
      if (!isRight && wrong.length < wrongMax) {
        wrong.push(`a reader saw ${entries} entries of ${payments} payments with the sum ${sum}`)
      }
      await sleep(betweenMs)
    }
  } finally {
    await client.end()
  }
  return { count, wrong }
}
