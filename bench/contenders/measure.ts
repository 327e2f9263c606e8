/**
 * One run of one contender, in a process of its own: warmed up until it is known how many messages
 * take long enough, then measured once.
 * @internal Run by run.ts; prints a Measured.
 */
import type { Opened } from './contender.js'
import { Expected } from './expected.js'
import { contenders } from './registry.js'
import { totals } from './tally.js'

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
const [seconds, warmupSeconds] = [2, 1]
const smokeMessages = 2000

const task = JSON.parse(process.argv[2] as string) as Task
const contender = contenders.find(({ name }) => name === task.name)
if (contender === undefined) throw new Error(`there is no contender ${task.name}`)
const opened = await contender.open(task)
const expected = new Expected()
const measured = task.smoke ? await run(opened, smokeMessages) : await longEnough(opened)
await opened.close()
process.stdout.write(`${JSON.stringify(measured)}\n`)

async function longEnough(of: Opened): Promise<Measured> {
  let last = await run(of, smokeMessages)
  // The first one paid for connections and compilation.
  last = await run(of, smokeMessages)
  while (last.seconds < warmupSeconds) {
    const factor = Math.min(8, Math.max(2, (warmupSeconds * 1.3) / last.seconds))
    last = await run(of, Math.ceil(last.messages * factor))
  }
  do {
    last = await run(of, Math.ceil((last.messages / last.seconds) * seconds * 1.25))
  } while (last.seconds < seconds)
  return last
}

async function run(of: Opened, count: number): Promise<Measured> {
  const first = expected.next
  const began = performance.now()
  await of.run(first, count)
  const took = performance.now() - began
  expected.sent(first, count)
  expected.check(totals())
  return { messages: count, seconds: took / 1000 }
}
