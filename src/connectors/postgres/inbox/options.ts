import { createHash } from 'node:crypto'
import { durationMs, type Duration } from '../../../core/durations.js'
import { InvalidArgumentError } from '../../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../../core/options.js'

/** What an inbox needs of a `Client` of `pg`, or of one that a pool has lent. */
export interface InboxClient {
  query(query: never): Promise<unknown>
}

export interface InboxOptions {
  /**
   * Whose ids these are: what another handler, or another queue, calls by the same id is not the same.
   * Up to 255 characters.
   * @default '': one for all
   */
  scope?: string
  /**
   * What the id stands for; its SHA-256 is kept, and the same id with another one is refused.
   * @default not compared
   */
  content?: string | Uint8Array
  /**
   * Where `semel_inbox` is.
   * @default the search path's; it is made in its first schema
   */
  schema?: string
  /**
   * How long to wait for another call with this id, '1ms'…'1h'.
   * @default '30s'
   */
  timeout?: Duration
}

export interface CleanInboxOptions {
  /** How long an id is known at least, counted from when its call began. */
  window: Duration
  /**
   * Whose ids.
   * @default '', as with `inbox`
   */
  scope?: string
  /**
   * Where `semel_inbox` is.
   * @default the search path's
   */
  schema?: string
  /**
   * How many ids to forget at most, 1…1,000,000,000.
   * @default 100,000
   */
  max?: number
}

export interface InboxTableOptions {
  /**
   * Where `semel_inbox` is to be.
   * @default the first schema of the search path
   */
  schema?: string
  /**
   * Who is to call: they get what that takes, and no more.
   * @default nobody is granted anything
   */
  role?: string
}

const timeoutMsMax = 3_600_000
/** A text of so many characters fits the index, whatever they are. */
const textMax = 255
const forgottenMax = 1_000_000_000

export interface CheckedInbox {
  readonly scope: string
  /** A SHA-256; undefined: not compared. */
  readonly content: Uint8Array | undefined
  readonly schema: string | undefined
  readonly timeoutMs: number
}

/** @throws InvalidArgumentError */
export function checkInbox(options: InboxOptions | undefined): CheckedInbox {
  const names = ['scope', 'content', 'schema', 'timeout'] as const
  const {
    scope,
    content,
    schema,
    timeout = '30s',
  } = checkOptions<InboxOptions>(options, 'inbox', names)
  const timeoutMs = durationMs(timeout as Duration, 'inbox.timeout')
  if (timeoutMs < 1 || timeoutMs > timeoutMsMax) {
    throw new InvalidArgumentError(
      `inbox.timeout: ${shown(timeout)} is out of bounds; give a duration from '1ms' to '1h'`,
    )
  }
  return {
    scope: checkScope(scope, 'inbox.scope'),
    content: content === undefined ? undefined : hashOf(content),
    schema: checkName(schema, 'inbox.schema'),
    timeoutMs: Math.ceil(timeoutMs),
  }
}

function hashOf(content: unknown): Uint8Array {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    return createHash('sha256').update(content).digest()
  }
  throw new InvalidArgumentError(
    `inbox.content: ${shown(content)} is neither a text nor bytes; give the message as it came, or JSON.stringify of it`,
  )
}

/** @throws InvalidArgumentError */
export function checkId(id: unknown): string {
  if (isText(id) && id !== '') return id
  throw new InvalidArgumentError(
    `inbox: ${shown(id)} is not an id; give a text of 1 to ${textMax} characters: String(id), or a hash of a longer one`,
  )
}

/** @throws InvalidArgumentError */
export function checkCleanInbox(options: CleanInboxOptions): {
  readonly windowMs: number
  readonly scope: string
  readonly schema: string | undefined
  readonly max: number
} {
  const names = ['window', 'scope', 'schema', 'max'] as const
  const {
    window,
    scope,
    schema,
    max = 100_000,
  } = checkOptions<CleanInboxOptions>(options, 'cleanInbox', names)
  return {
    windowMs: durationMs(window as Duration, 'cleanInbox.window'),
    scope: checkScope(scope, 'cleanInbox.scope'),
    schema: checkName(schema, 'cleanInbox.schema'),
    max: wholeNumber(max, 'cleanInbox.max', 1, forgottenMax),
  }
}

/** @throws InvalidArgumentError */
export function checkInboxTable(options: InboxTableOptions | undefined): {
  readonly schema: string | undefined
  readonly role: string | undefined
} {
  const { schema, role } = checkOptions<InboxTableOptions>(options, 'inboxTable', [
    'schema',
    'role',
  ])
  return {
    schema: checkName(schema, 'inboxTable.schema'),
    role: checkName(role, 'inboxTable.role'),
  }
}

/**
 * A pool would run each statement on another connection, and a transaction is one's alone.
 * @throws InvalidArgumentError
 */
export function checkClient(client: unknown, where: string): void {
  const given = client as { readonly query?: unknown; readonly totalCount?: unknown } | undefined
  if (typeof given?.query === 'function' && given.totalCount === undefined) return
  throw new InvalidArgumentError(
    `${where}: ${given?.totalCount === undefined ? shown(client) : 'a pool'} is not a client; give a connected Client of pg, or what pool.connect() lends`,
  )
}

function checkScope(scope: unknown, option: string): string {
  if (scope === undefined) return ''
  if (isText(scope)) return scope
  throw new InvalidArgumentError(
    `${option}: ${shown(scope)} says nobody; give a text of up to ${textMax} characters`,
  )
}

function checkName(name: unknown, option: string): string | undefined {
  if (name === undefined) return undefined
  if (isText(name) && name.trim() !== '') return name
  throw new InvalidArgumentError(`${option}: ${shown(name)} is not a name; give a text`)
}

/** What arrives as it is. */
function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= textMax &&
    !value.includes('\0') &&
    value.isWellFormed()
  )
}
