import { ClosedError, toError } from '../../core/errors.js'
import { Unavailable } from '../../core/handler-errors.js'
import { after, within } from '../../core/waiting/timers.js'
import { cancel } from './cancel.js'
import type { Client, Driver, Query, Result } from './driver.js'
import { postgresError } from './errors.js'
import type { Checked } from './options.js'

/** All values as texts: what others have set for the whole process does not change them. */
export const texts = { getTypeParser: () => (value: string) => value }

/** So long a connection may take to end. */
const endMsMax = 1000
/** So long the server waits for the next statement of a transaction, when its client is gone. */
const idleMsMax = 60_000
/** So long a transaction waits for a lock. */
const lockMsMax = 10_000

/** What the server says to statements behind a failed one. */
export const failedTransaction = '25P02'

export interface Row {
  readonly [column: string]: string | null
}

/**
 * One connection to the server. It keeps nothing in the session, so that a pooler may give each
 * transaction another one. What has failed but by the server's word is not used again.
 */
export class Session {
  readonly name: string
  readonly #client: Client
  readonly #timeoutMs: number
  readonly #isPrepared: boolean
  /** By text: of the statements that the server keeps. */
  readonly #names = new Map<string, string>()
  #isAsking = false
  /** Why it can't be used any more. */
  #failure: unknown
  #isClosed = false

  static async open(
    driver: Driver,
    name: string,
    application: string,
    { address, timeoutMs, isPrepared }: Pick<Checked, 'address' | 'timeoutMs' | 'isPrepared'>,
  ): Promise<Session> {
    let client: Client
    try {
      client = new driver.Client({
        ...address,
        application_name: application,
        connectionTimeoutMillis: Math.ceil(timeoutMs),
        keepAlive: true,
      })
    } catch (thrown) {
      throw postgresError(name, 'connect', thrown)
    }
    const session = new Session(name, client, timeoutMs, isPrepared)
    try {
      await client.connect()
    } catch (thrown) {
      await session.close()
      throw postgresError(name, 'connect', thrown)
    }
    return session
  }

  private constructor(name: string, client: Client, timeoutMs: number, isPrepared: boolean) {
    this.name = name
    this.#client = client
    this.#timeoutMs = timeoutMs
    this.#isPrepared = isPrepared
    client.on('error', (error) => {
      this.#failure ??= error
    })
  }

  /** Whether it can't be used any more. */
  get isLost(): boolean {
    return this.#failure !== undefined || this.#isClosed
  }

  /** One statement; its values as texts. */
  async ask(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const { rows } = await this.#query({ text, values, types: texts, ...this.#nameOf(text) })
    return rows as readonly Row[]
  }

  /** Statements without values, in one message. */
  async run(text: string): Promise<Result> {
    return this.#query({ text, types: texts })
  }

  /** One statement of the user's, its values as `pg` has them. */
  async query(text: string, values: readonly unknown[]): Promise<Result> {
    return this.#query({ text, values, queryMode: 'extended' })
  }

  /**
   * Runs it in a transaction, which ends with COMMIT where it returns and is taken back where it throws.
   * @param durable an expression that sets for it how durable it is to be
   */
  async transaction<R>(durable: string | undefined, run: () => Promise<R>): Promise<R> {
    await this.run(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${lockMsMax}; SET LOCAL idle_in_transaction_session_timeout = ${idleMsMax}${durable === undefined ? '' : `; SELECT ${durable}`}`,
    )
    let result: R
    try {
      result = await run()
    } catch (thrown) {
      // What failed has a reason of its own, and is told. A connection that is lost takes all back.
      await this.run('ROLLBACK').catch((error: unknown) => (this.#failure ??= error))
      throw thrown
    }
    const { command } = await this.run('COMMIT')
    if (command === 'COMMIT') return result
    // A statement had failed, somebody has caught that, and COMMIT says in this way alone that all is undone.
    const undone = new Error(`COMMIT was answered ${command}: a statement before it had failed`)
    throw Object.assign(undone, { code: failedTransaction })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#end()
  }

  checkOpen(): void {
    if (this.#isClosed) throw new ClosedError(`the sink ${this.name} is closed`)
  }

  #nameOf(text: string): { readonly name?: string } {
    if (!this.#isPrepared) return {}
    let name = this.#names.get(text)
    if (name === undefined) {
      if (this.#names.size === preparedMax) return {}
      name = `semel_${this.#names.size + 1}`
      this.#names.set(text, name)
    }
    return { name }
  }

  async #query(query: Query): Promise<Result> {
    this.checkOpen()
    if (this.#failure !== undefined) {
      throw new Unavailable(
        `${this.name}: the connection is lost: ${toError(this.#failure).message}; it is made anew`,
        { cause: this.#failure },
      )
    }
    const end = after(this.#timeoutMs, () => {
      this.#failure ??= new Error(`no answer within ${this.#timeoutMs} ms`)
      void this.#end()
    })
    this.#isAsking = true
    try {
      const results = await this.#client.query(query)
      // A commit that is cancelled when it waits for a standby is answered as one that does not.
      if (this.#failure !== undefined) throw this.#failure
      return Array.isArray(results) ? (results.at(-1) as Result) : (results as Result)
    } catch (thrown) {
      throw this.#failure === undefined ? thrown : toError(this.#failure)
    } finally {
      this.#isAsking = false
      end()
    }
  }

  /** With what is under way. */
  async #end(): Promise<void> {
    if (this.#isAsking) await cancel(this.#client)
    await within(this.#client.end(), endMsMax)
  }
}

/** Statements that a session keeps at most. */
const preparedMax = 64

/** An SQL name, whatever it is. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** An SQL text, whatever it holds. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''")
  return text.includes('\\') ? ` E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`
}
