import { forEach, pipeline } from 'semel'
import { handle } from './tally.js'
import type { Trade } from './trades.js'

/** Knows all ids of a run, as the inboxes do. */
export default pipeline('bench-contender')
  .accepts<Trade>()
  .deliver('exactly-once', { id: (trade) => trade.id, window: '2m', maxIds: 2 ** 27 })
  .to(forEach(handle, { idempotent: true, name: 'sum' }))
