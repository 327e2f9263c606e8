/** What decoding allocates by itself: the objects that operators get. */
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import { answer, tradesSample, type Trade } from 'semel/measure'
import { Allocations } from '../garbage/allocations.js'
import type { Place } from '../garbage/places.js'
import { sharedShapes } from './shapes.js'

export interface DecodingTask {
  readonly messages: number
}

await answer<DecodingTask>(({ messages }): readonly Place[] => {
  const shared = { ...sharedShapes(), copyBuffers: true } as never
  const packr = new Packr(shared)
  const packed = tradesSample().map((trade) => Buffer.from(packr.pack(trade)))
  const ring = new Uint8Array(Buffer.concat(packed))
  let place = 0
  const ranges = packed.map(({ length }) => ({ start: place, end: (place += length) }))
  const unpackr = new Unpackr(shared)
  // In place and out of one piece of memory, as the worker does it.
  const decode = (count: number): number => {
    let sum = 0
    for (let i = 0; i < count; i++) {
      sum += (unpackr.unpack(ring as Buffer, ranges[i % ranges.length] as object) as Trade).size
    }
    return sum
  }
  decode(messages)
  const allocations = new Allocations()
  allocations.begin()
  decode(messages)
  return allocations.end()
})
