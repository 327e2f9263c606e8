export { sqlite } from './sink.js'
export type { SqliteOptions, SqliteStatement, SqliteTable } from './options.js'
