import { forEach, pipeline } from 'semel'
import type { Trade } from './throughput.pipeline.js'

/** What is asked for and answered: one value for each message. */
export default pipeline('bench-send')
  .accepts<Trade>()
  .deliver('at-least-once')
  .map((trade) => trade.price * trade.size)
  .to(forEach(() => {}))
