export { cleanInbox, inbox, inboxTable } from './inbox/index.js'
export type {
  CleanInboxOptions,
  Inboxed,
  InboxClient,
  InboxOptions,
  InboxTableOptions,
} from './inbox/index.js'
export { initPostgres, postgresTables } from './init.js'
export type { InitPostgresOptions } from './init.js'
export { postgres } from './sink.js'
export type {
  PostgresAddress,
  PostgresOptions,
  PostgresStatement,
  PostgresTable,
  PostgresTransaction,
  PostgresWriter,
  SynchronousCommit,
} from './options.js'
