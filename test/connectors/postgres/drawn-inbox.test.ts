import * as fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { cleanInbox, inbox, inboxTable } from 'semel/postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ownServer } from './database.js'
import { hasPooler, Pooler } from './pooler.js'
import { hasServer } from './server.js'

const own = ownServer()
const seed = process.env['SEMEL_SEED']
const drawn = {
  numRuns: Number(process.env['SEMEL_RUNS'] ?? 20),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
}

/** What becomes of a call in its handler. */
type Fate =
  | 'returns'
  | 'throws'
  /** A statement fails, and the handler does not say so. */
  | 'fails'
  /** The client is gone: before its effect, behind it, or when its COMMIT is on the way. */
  | 'cut early'
  | 'cut late'
  | 'cut in commit'
  /** The server ends the session. */
  | 'ended'

interface Call {
  readonly id: string
  readonly content: string
  readonly fate: Fate
}

const ids = ['a', 'b', 'c']
const call: fc.Arbitrary<Call> = fc.record({
  id: fc.constantFrom(...ids),
  content: fc.constantFrom('1', '1', '1', '2'),
  fate: fc.constantFrom<Fate>(
    'returns',
    'returns',
    'throws',
    'fails',
    'cut early',
    'cut late',
    'cut in commit',
    'ended',
  ),
})

interface Told {
  readonly id: string
  readonly content: string
  /** `lost`: the client was cut or ended; `undone`: by the handler's own doing. */
  readonly ending: 'processed' | 'duplicate' | 'refused' | 'undone' | 'lost'
}

/** A client that goes without a word, as when its process is killed. */
function cut(client: Client): void {
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } }
  }
  connection.stream.destroy()
}

async function connected(url: string): Promise<Client> {
  const client = new Client(url)
  client.on('error', () => {})
  await client.connect()
  return client
}

/** A client's calls, one after another; one that is lost has another one behind it. */
class Caller {
  readonly #url: string
  #client: Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  async call({ id, content, fate }: Call): Promise<Told> {
    const client = (this.#client ??= await connected(this.#url))
    try {
      const { outcome } = await inbox(client, id, (one) => this.#handle(one, id, fate), { content })
      return { id, content, ending: outcome }
    } catch (thrown) {
      const { code } = thrown as { readonly code?: string }
      if (code === 'SEMEL_KEY_REUSED') return { id, content, ending: 'refused' }
      if (fate === 'throws' || fate === 'fails') return { id, content, ending: 'undone' }
      if (fate === 'returns') throw thrown
      await this.close()
      return { id, content, ending: 'lost' }
    }
  }

  async #handle(client: Client, id: string, fate: Fate): Promise<void> {
    if (fate === 'cut early') cut(client)
    await client.query('INSERT INTO effects VALUES ($1)', [id])
    switch (fate) {
      case 'throws':
        throw new Error('as it was drawn')
      case 'fails':
        await client.query('SELECT 1 / 0').catch(() => {})
        return
      case 'ended':
        await client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {})
        return
      case 'cut late':
        cut(client)
        return
      case 'cut in commit': {
        const { query } = client
        // The next that is sent is the COMMIT, and nobody reads its answer.
        client.query = function (this: Client, ...parameters: unknown[]) {
          const answer = (query as (...all: unknown[]) => Promise<unknown>).apply(this, parameters)
          setImmediate(() => cut(client))
          return answer
        } as Client['query']
        return
      }
      case 'returns':
      case 'cut early':
        return
      default:
        fate satisfies never
    }
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => {})
    this.#client = undefined
  }
}

async function emptied(): Promise<void> {
  await own.server.ask(
    `${inboxTable()} CREATE TABLE IF NOT EXISTS effects (id text); TRUNCATE semel_inbox, effects`,
  )
}

/** When no session of a client that is gone is at work any more. */
async function rested(): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const [row] = await own.server.ask(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'`,
    )
    if (row?.['count'] === 0) return
    await sleep(5)
  }
  throw new Error('the server does not come to rest')
}

interface Kept {
  readonly effects: number
  readonly isKnown: boolean
}

async function keptOf(id: string): Promise<Kept> {
  const [row] = await own.server.ask(
    `SELECT (SELECT count(*)::int FROM effects WHERE id = $1) AS effects, EXISTS (SELECT FROM semel_inbox WHERE id = $1) AS known`,
    [id],
  )
  return { effects: row?.['effects'] as number, isKnown: row?.['known'] as boolean }
}

const ways = [
  { way: 'a server', isSkipped: !hasServer, url: () => own.server.url },
  {
    way: 'a pooler of transactions',
    isSkipped: !hasServer || !hasPooler,
    url: () => pooler.url,
  },
]
let pooler: Pooler

beforeAll(async () => {
  if (hasServer && hasPooler) pooler = await Pooler.start(own.server)
})
afterAll(() => pooler?.dispose())

describe.each(ways)('an inbox at $way, with calls that are drawn', ({ isSkipped, url }) => {
  test.skipIf(isSkipped)(
    'does as a map of ids does, one call after another',
    async () => {
      const step = fc.oneof(
        { weight: 8, arbitrary: call },
        { weight: 1, arbitrary: fc.record({ forgets: fc.constantFrom(...ids) }) },
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          await emptied()
          const caller = new Caller(url())
          const cleaner = await connected(url())
          const model = new Map<string, string>()
          const effects: string[] = []
          for (const one of steps) {
            if ('forgets' in one) {
              const { forgets } = one
              await own.server.ask(
                `UPDATE semel_inbox SET at = at - interval '2 days' WHERE id = '${forgets}'`,
              )
              const due = model.delete(forgets) ? 1 : 0
              expect(await cleanInbox(cleaner, { window: '1d' })).toBe(due)
              continue
            }
            const { id, content, fate } = one
            const { ending } = await caller.call(one)
            if (ending === 'lost') await rested()
            const held = model.get(id)
            if (held !== undefined) {
              expect(ending).toBe(held === content ? 'duplicate' : 'refused')
              continue
            }
            const kept = await keptOf(id)
            const before = effects.filter((effect) => effect === id).length
            const isDone =
              fate === 'returns' || (fate === 'cut in commit' && kept.effects === before + 1)
            expect(kept).toEqual({ effects: before + (isDone ? 1 : 0), isKnown: isDone })
            if (fate === 'returns') expect(ending).toBe('processed')
            else expect(ending).toBe(fate === 'throws' || fate === 'fails' ? 'undone' : 'lost')
            if (!isDone) continue
            model.set(id, content)
            effects.push(id)
          }
          await caller.close()
          await cleaner.end()
        }),
        drawn,
      )
    },
    120_000,
  )

  test.skipIf(isSkipped)(
    'runs once for each id, with several callers at a time',
    async () => {
      const calls = fc.array(fc.array(call, { minLength: 1, maxLength: 5 }), {
        minLength: 2,
        maxLength: 5,
      })
      await fc.assert(
        fc.asyncProperty(calls, async (each) => {
          await emptied()
          const told = await Promise.all(
            each.map(async (all) => {
              const caller = new Caller(url())
              const endings: Told[] = []
              for (const one of all) endings.push(await caller.call(one))
              await caller.close()
              return endings
            }),
          )
          await rested()
          for (const id of ids) {
            const heard = told.flat().filter((one) => one.id === id)
            const count = (ending: Told['ending']): number =>
              heard.filter((one) => one.ending === ending).length
            const { effects, isKnown } = await keptOf(id)
            expect(effects, `effects of ${id}`).toBeLessThanOrEqual(1)
            expect(isKnown).toBe(effects === 1)
            expect(count('processed')).toBeLessThanOrEqual(1)
            // An answer that is lost may have been of the one that ran.
            if (count('processed') === 1) expect(effects).toBe(1)
            else if (effects === 1) expect(count('lost')).toBeGreaterThan(0)
            if (count('duplicate') + count('refused') > 0) expect(effects).toBe(1)
            const contents = new Set(
              heard
                .filter(({ ending }) => ending === 'processed' || ending === 'duplicate')
                .map(({ content }) => content),
            )
            expect(contents.size, `contents of ${id} that were taken`).toBeLessThanOrEqual(1)
          }
        }),
        drawn,
      )
    },
    120_000,
  )
})
