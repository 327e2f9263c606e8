import { forEach } from '../connectors/for-each/sink.js'
import { pipeline } from '../pipeline/pipeline.js'
import type { Trade } from './trades.js'

/**
 * What is measured where no pipeline is given: next to no work, so that what is seen is the guarantee's
 * own cost. The window is short, so that a long run shows the index in use and not as it fills.
 */
export default pipeline('trades')
  .accepts<Trade>()
  .deliver('exactly-once', { id: (trade) => trade.id, window: '200ms', maxIds: 2 ** 27 })
  .map((trade) => trade.price * trade.size)
  .to(forEach(() => {}, { idempotent: true, name: 'nothing' }))
