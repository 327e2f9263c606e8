import { forEach, pipeline } from 'semel'
import type { Trade } from 'semel/measure'

/** What is asked for and answered: one value for each message. */
export default pipeline('lone-send')
  .accepts<Trade>()
  .deliver('at-least-once')
  .map((trade) => trade.price * trade.size)
  .to(forEach(() => {}))
