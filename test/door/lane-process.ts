// Runs cases that its parent sends, one after another, and tells what was found in each. It may be
// killed by a case, hang in one, or die of one: the parent sees to that (lane.ts).
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Late } from './bounded.js'
import { definitionOf } from './definition.js'
import type { Finding } from './fates.js'
import { judge } from './judge.js'
import { Kept } from './kept.js'
import type { Order } from './lane.js'
import { Life } from './life.js'
import { observeInto, type Observation } from './observations.js'

let unhandled: string[] = []
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (error: unknown) => {
    const { name, code, message, stack } = (error ?? {}) as Error & { code?: string }
    // What a user's own listener throws is theirs to see.
    if (name !== 'ListenerError') unhandled.push(`${event} ${code} ${message} ${stack ?? ''}`)
  })
}

process.on('message', (order: Order) => {
  void run(order)
    .catch((error: unknown) => [{ check: 'the fuzzer', text: String((error as Error).stack) }])
    .then((findings) => process.send?.({ findings }))
})
process.on('disconnect', () => process.exit())
process.send?.({ findings: [] })

async function run({ given, dir }: Order): Promise<Finding[]> {
  const { setting, actions } = given
  unhandled = []
  mkdirSync(dir, { recursive: true })
  const log = join(dir, 'log')
  // What others observe, or what is to be known after a kill, goes through a file.
  const isFiled = setting.workers > 0 || actions.some((action) => action.do === 'kill')
  const observations: Observation[] = []
  const fd = isFiled ? openSync(log, 'a') : undefined
  const observe =
    fd === undefined ? (one: Observation) => void observations.push(one) : observeInto(fd)
  const before = existsSync(log) ? read(log) : []
  const kills = before.flatMap((one) => ('killed' in one ? [one.killed] : []))
  const url = new URL('./pipeline.js', import.meta.url)
  if (setting.workers > 0) {
    writeFileSync(join(dir, 'case.json'), JSON.stringify(given))
    url.searchParams.set('case', join(dir, 'case.json'))
    url.searchParams.set('log', log)
  }
  const kept = new Kept(observe)
  const findings: Finding[] = []
  try {
    const pipeline = setting.workers > 0 ? url : definitionOf(given, observe, kept)
    const life = new Life(given, dir, pipeline, observe, kills.length)
    await life.run(kills.at(-1) ?? 0, () => process.kill(process.pid, 'SIGKILL'))
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    kept.check()
  } catch (error) {
    const { code, message, stack } = error as Error & { code?: string }
    if (error instanceof Late) findings.push({ check: 'hangs', text: message })
    else findings.push({ check: 'throws', text: `${code} ${message} ${stack?.split('\n')[1]}` })
  }
  findings.push(...unhandled.map((text) => ({ check: 'unhandled', text })))
  if (findings.length === 0) findings.push(...judge(given, isFiled ? read(log) : observations))
  if (fd !== undefined) closeSync(fd)
  if (process.env['SEMEL_DOOR_LOG'] !== undefined) {
    for (const one of isFiled ? read(log) : observations) {
      appendFileSync(process.env['SEMEL_DOOR_LOG'], `${JSON.stringify(one)}\n`)
    }
  }
  rmSync(dir, { recursive: true, force: true })
  return findings
}

function read(log: string): Observation[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Observation)
}
