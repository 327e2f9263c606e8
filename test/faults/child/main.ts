// One life of a case: opens the stream, sends, and tells its parent; then it is killed, dies at a fault
// point, or closes.
//
//   node main.js JOB
import { join } from 'node:path'
import {
  fileSource,
  open,
  type DeadLetter,
  type OpenOptions,
  type SemelError,
  type Source,
  type SourceContext,
  type Stream,
} from 'semel'
import { inspectDirectory } from 'semel/directory'
import { outputPath, tallyOf, upstreamPath, type Job, type Letter } from '../job.js'
import { brokenRow, sourceFiles, type Message } from '../messages.js'
import { upstreamGroup } from './group.js'
import { faultPoint } from './points.js'
import { upstreamQueue } from './queue.js'
import { Teller } from './teller.js'
import { Traffic } from './traffic.js'

const job = JSON.parse(process.argv[2] as string) as Job
const { setting, dir, isLast } = job
const teller = new Teller()

const url = new URL('./pipeline.js', import.meta.url)
url.searchParams.set('setting', JSON.stringify(setting))
url.searchParams.set('to', outputPath(dir, setting))
url.searchParams.set('seed', job.seed)
const options: OpenOptions = {
  dir: join(dir, 'data'),
  durability: setting.durability,
  shards: setting.shards,
  workers: setting.workers,
  journal: setting.journal,
  // Small, so that rings wrap and ack logs rotate.
  ring: '64KiB',
  segment: '1MiB',
  // So few that a shard meets the bound, and drains soon.
  parkedMax: 300,
}

teller.tell('opening')
const { acknowledge } = setting
const all: OpenOptions = {
  ...options,
  acknowledge: acknowledge === 'batched' ? { batched: 16, within: '2ms' } : acknowledge,
}
const stream: Stream<Message> = await open<Message>(url, all)
teller.counters('opened', [stream.opened])
stream.on('failed', ({ code, message }) => {
  teller.tell('broken', `${code} ${message}`)
  process.exit(1)
})

const ended = new AbortController()
const traffic = new Traffic(job, stream, teller)
const { signal } = ended
const consumed = Promise.all([
  setting.sourceRows > 0 && consume(stream),
  setting.queueRows > 0 && stream.consume(upstreamQueue(upstreamPath(dir), setting), { signal }),
  setting.groupRows > 0 && stream.consume(upstreamGroup(upstreamPath(dir), setting), { signal }),
])
if (job.closesAfterMs !== undefined) {
  setTimeout(() => {
    ended.abort()
    traffic.end()
  }, job.closesAfterMs)
}
await traffic.run()
await consumed
if (isLast) {
  await traffic.drain()
  for (const letter of stream.deadLetters.list()) {
    teller.tell('letter', JSON.stringify(letterOf(letter)))
  }
}
teller.tell('closing')
faultPoint('runtime.closing')
await stream.close()
teller.flush()
teller.counters('closed', stream.shardCounters())
if (isLast && setting.sink === 'transactional') await reopen()

/** What the directory knows to be confirmed, and what the sink says. */
async function reopen(): Promise<void> {
  const known = tallyOf(inspectDirectory(options.dir as string).shards)
  const again = await open<Message>(url, all)
  teller.counters('reopened', [known, again.opened])
  await again.close()
}

async function consume(into: Stream<Message>): Promise<void> {
  const { files, readings } = setting
  const paths = sourceFiles.slice(0, files).map((name) => join(dir, name))
  const read = async (...from: string[]): Promise<void> => {
    const rows = fileSource<Message>(from, { batch: 8 })
    await into.consume(isLast ? rows : paced(rows), { signal })
  }
  try {
    if (readings === 'beside') await Promise.all([...paths, ...paths].map((path) => read(path)))
    else await read(...paths)
    // One alone as well: the places of the others stay.
    if (readings === 'again') for (const path of [...paths, ...paths]) await read(path)
  } catch (error) {
    const { code } = error as SemelError
    if (!job.isTruncated || code !== 'SEMEL_SOURCE_TRUNCATED') throw error
    teller.tell('unread', code)
    return
  }
  if (!ended.signal.aborted) teller.tell('consumed')
}

/** Slow enough that several lives have something left to read. */
function paced<T>(source: Source<T>): Source<T> {
  return {
    ...source,
    async *read(context: SourceContext) {
      for await (const batch of source.read(context)) {
        yield batch
        await new Promise((resolve) => {
          setTimeout(resolve, 1)
        })
      }
    },
  }
}

function letterOf({ shard, number, sequence, attempts, message, malformed }: DeadLetter): Letter {
  return {
    shard,
    number,
    sequence,
    attempts,
    ...(message === undefined ? {} : { id: (message as Message).id }),
    ...(malformed === undefined ? {} : { line: brokenRow(malformed.text) }),
  }
}
