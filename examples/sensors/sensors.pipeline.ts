// Readings of a building's sensors, as frames that are read where they lie.
import { at, frames, pipeline } from 'semel'
import { controlOf, valves } from './control.js'
import { reading } from './reading.js'

export default pipeline('sensors')
  .accepts(frames({ size: reading.bytes }))
  .deliver('at-most-once')
  .keyBy(at(reading.sensorAt))
  .filter((frame, { shard }) => controlOf(shard).take(frame))
  .map((frame) => ({ sensor: frame.u32(reading.sensorAt), value: frame.i32(reading.valueAt) }))
  .to(valves)
