// node build/js/examples/sensors/main.js [--seconds N] [--spin]
//
// 100,000 readings a second, each with a control loop within a millisecond. At-most-once, since the next
// reading replaces one that is lost before anybody could send it again; no acknowledgment (`pushFrames`),
// since nobody would do anything with it; `memory`, since old readings are worth nothing.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { BroadcastChannel } from 'node:worker_threads'
import { open } from 'semel'
import { latencyText, targetText } from '../latencies.js'
import { openLoop } from '../open-loop.js'
import { rateText, report } from '../report.js'
import { seenChannel, type Seen } from './control.js'
import { Gateway, readingsPerTick, ticksPerSecond, uncounted } from './reading.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    spin: { type: 'boolean', default: false },
  },
})
const waiting = values.spin ? 'spin' : 'balanced'
const stream = await open<Uint8Array>(new URL('./sensors.pipeline.js', import.meta.url), {
  waiting,
})
const warmUpSeconds = 0.5
const gateway = new Gateway()
let taken = 0
let turnedAway = 0

const sent = await openLoop(
  {
    perSecond: ticksPerSecond,
    seconds: warmUpSeconds + Number(values.seconds),
    waiting: 'turn',
  },
  (tick, dueMs) => {
    const isWarm = tick >= warmUpSeconds * ticksPerSecond
    const count = stream.pushFrames(gateway.readings(tick, isWarm ? dueMs : uncounted))
    taken += count
    // There was no room: newer ones will come, and these are worth nothing then.
    turnedAway += readingsPerTick - count
  },
)
const channel = new BroadcastChannel(seenChannel)
const told = once(channel as unknown as EventTarget, 'message')
await stream.drain()
await stream.close()
const [{ data }] = (await told) as [{ data: Seen }]
channel.close()
const { readings, repeated, actions, latencies } = data

const lost = taken - readings
report(
  `sensors: at-most-once, push, memory, waiting: '${waiting}'`,
  [
    ['readings', rateText(sent.count * readingsPerTick, sent.seconds)],
    ['at the handler', `${latencyText(latencies)}, after ${warmUpSeconds} s to warm up`],
    ['target', targetText(latencies, 99, 1)],
    ['generator', `late by ${sent.latestMs.toFixed(2)} ms at most`],
    ['turned away', turnedAway],
    ['actions', actions],
    ['lost, repeated', `${lost}, ${repeated}`],
  ],
  [
    ...(lost !== 0 ? [`${lost} readings were taken and lost without a crash`] : []),
    ...(repeated > 0 ? [`${repeated} readings came again or out of order`] : []),
  ],
)
