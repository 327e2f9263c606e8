import type { Output } from '../messages.js'
import { faultPoint } from './points.js'

/** What the sink keeps of an output: by which commit it came, and from which message. */
export interface Row extends Output {
  readonly shard: number
  readonly epoch: number
  readonly n: number
  readonly sequence: number
}

/** From where the columns of the table have their values. */
export const columns = {
  shard: 'shard',
  epoch: 'epoch',
  n: 'n',
  sequence: 'sequence',
  id: ({ id }: Row) => {
    faultPoint('runtime.sink-in-transaction')
    return id
  },
  key: 'key',
  part: 'part',
  amount: 'amount',
  refused: ({ refused }: Row) => (refused === true ? 1 : null),
} as const
