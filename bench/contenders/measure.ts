/**
 * One run of one contender, in a process of its own: warmed up until it is known how many messages
 * take long enough, then measured once.
 * @internal Run by run.ts; prints a Measured.
 */
import { contenders } from './registry.js'
import { totals } from './tally.js'
import { tradeOf } from './trades.js'
import type { Opened } from './contender.js'

export interface Task {
  readonly name: string
  readonly dir: string
  readonly port: number
  readonly smoke: boolean
}

export interface Measured {
  readonly messages: number
  readonly seconds: number
}

/** How long a run takes at least, and how long the one that says how many messages that are. */
const [seconds, warmupSeconds] = [2, 0.6]
const smokeMessages = 2000

const task = JSON.parse(process.argv[2] as string) as Task
const contender = contenders.find(({ name }) => name === task.name)
if (contender === undefined) throw new Error(`there is no contender ${task.name}`)
const opened = await contender.open(task)
const expected = { handled: 0, sum: 0 }
const measured = task.smoke ? await run(opened, smokeMessages) : await longEnough(opened)
await opened.close()
process.stdout.write(`${JSON.stringify(measured)}\n`)

async function longEnough(of: Opened): Promise<Measured> {
  let warmup = await run(of, smokeMessages)
  while (warmup.seconds < warmupSeconds) {
    const factor = Math.min(8, Math.max(2, (warmupSeconds * 1.3) / warmup.seconds))
    warmup = await run(of, Math.ceil(warmup.messages * factor))
  }
  let result = warmup
  while (result.seconds < seconds) {
    result = await run(of, Math.ceil((result.messages / result.seconds) * seconds * 1.25))
  }
  return result
}

async function run(of: Opened, count: number): Promise<Measured> {
  const first = expected.handled + 1
  const began = performance.now()
  await of.run(first, count)
  const took = performance.now() - began
  for (let id = first; id < first + count; id++) {
    const { price, size } = tradeOf(id)
    expected.sum += price * size
  }
  expected.handled += count
  const { handled, sum } = totals()
  if (handled !== expected.handled || sum !== expected.sum) {
    throw new Error(
      `${task.name} handled ${handled} of ${expected.handled} messages, sum ${sum} of ${expected.sum}`,
    )
  }
  return { messages: count, seconds: took / 1000 }
}
