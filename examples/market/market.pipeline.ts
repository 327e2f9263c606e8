// One feed out of two lines: of each message one copy counts, in the order of its symbol.
//
//   npx semel run build/js/examples/market/market.pipeline.js --dir data --source amzn-trades.csv
import { file, pipeline } from 'semel'
import type { Arrival } from './lines.js'
import { normalise } from './normalise.js'
import { sessionSource } from './session.js'

export default pipeline('market')
  .accepts<Arrival>()
  .deliver('exactly-once', { id: ({ message }) => message.id, window: '1h' })
  .keyBy(({ message }) => message.symbol)
  .map(({ message }) => normalise(message))
  .to(file(process.env['SEMEL_MARKET_OUT'] ?? './market.ndjson'))

export const source = (files: readonly string[]) => sessionSource(files)
