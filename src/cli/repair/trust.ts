import { trustSink, type ShardTrust, type TrustReport } from '../../directory.js'
import { loadModule } from '../module.js'
import { print } from '../stdout.js'
import { paintFor, plain, type Paint } from '../terminal.js'
import { plural } from '../text.js'
import { rangesText } from './damage.js'
import type { RepairCommandOptions } from './repair-options.js'
import { decideOn, exitCodeAfter } from './decide.js'

/**
 * `semel repair --trust-sink`: says what going on from the sink means, asks, and does it.
 * @returns the exit code
 */
export async function trust(
  { dir, json, yes, dryRun }: RepairCommandOptions,
  { module, config: path }: NonNullable<RepairCommandOptions['trustSink']>,
): Promise<number> {
  const { definition, config } = await loadModule(module, path)
  if (json) {
    const report = await trustSink(dir, definition, { config, dryRun })
    await print(`${JSON.stringify({ dir, ...report }, asText)}\n`)
    return exitCodeAfter(report, dryRun)
  }
  const plan = await trustSink(dir, definition, { config, dryRun: true })
  await print(trustText(dir, plan, paintFor(process.stdout)))
  const decided = await decideOn(plan, { yes, dryRun })
  const agree = plan.steps.length === 0 && plan.refusals.length === 0
  // No file changes; but epochs that the sink has lost are given again, above those the directory knows.
  if (agree && !dryRun) await trustSink(dir, definition, { config })
  if (decided !== undefined) return decided
  const { originals, refusals } = await trustSink(dir, definition, { config })
  if (refusals.length > 0) {
    await print(
      ['The sink has changed meanwhile, and nothing was done:', ...refusals, ''].join('\n'),
    )
    return exitCodeAfter({ refusals, steps: [] }, false)
  }
  await print(doneText(dir, originals))
  return exitCodeAfter({ refusals, steps: [] }, false)
}

/** What sink and directory have, what going on costs, and what would be done or why not. */
export function trustText(dir: string, report: TrustReport, paint: Paint = plain): string {
  const { name, shards, steps, refusals } = report
  const title = paint('bold', `${name}, ${dir}`)
  if (steps.length === 0 && refusals.length === 0) {
    return `${title}: the sink and the directory agree, nothing to repair\n`
  }
  const lines = [title]
  for (const shard of shards) lines.push('', `shard ${shard.shard}`, ...shardLines(shard, paint))
  lines.push('')
  if (refusals.length > 0) {
    lines.push('It can not go on from the sink, and nothing was changed:')
    lines.push(...refusals.map((refusal) => `  ${refusal}`))
  } else {
    lines.push('To be done, once every file that changes has been copied:')
    lines.push(...steps.map((step) => `  ${step}`))
  }
  return `${lines.join('\n')}\n`
}

function doneText(dir: string, originals: string): string {
  const kept =
    originals === ''
      ? 'no file that was there was changed'
      : `the files as they were are in ${dir}/${originals}`
  return `
Done; ${kept}.
Next: open the stream, and consume its sources as before: they are read on from where the sink has them.
`
}

const standings: Record<ShardTrust['standing'], string> = {
  agreed: 'the sink and the directory agree',
  ahead: 'the sink has commits that the directory does not know',
  behind: 'the sink has lost commits that the directory knows it had',
  other: "the sink has another directory's commits",
}

function shardLines(shard: ShardTrust, paint: Paint): string[] {
  const { standing, directory, sink } = shard
  const lines = [
    `  ${standing === 'agreed' ? standings.agreed : paint('red', standings[standing])}`,
    `  directory: ${commitText(directory.commit)}, done through message ${directory.through}, ${directory.stored} stored`,
    `  sink: ${commitText(sink?.commit)}${sink === undefined ? '' : `, done through message ${sink.through}`}`,
  ]
  return standing === 'agreed' ? lines : [...lines, ...costLines(shard)]
}

function commitText(commit: { readonly epoch: number; readonly n: number } | undefined): string {
  return commit === undefined ? 'no commit' : `commit ${commit.n} of epoch ${commit.epoch}`
}

function costLines(shard: ShardTrust): string[] {
  const { standing, through, directory } = shard
  const lines: string[] = []
  const say = (ranges: ShardTrust['done'], then: string): void => {
    const count = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    if (count > 0)
      lines.push(`  ${plural(count, 'message', 'messages')} ${then}: ${rangesText(ranges)}`)
  }
  say(shard.done, 'stored here, and done as the sink says: not delivered again')
  say(shard.deliveredAgain, 'done, but not in the sink: delivered again from the journal')
  say(
    shard.lost,
    'done, but neither in the sink nor in the journal: lost, but for what sources are read again for',
  )
  say(
    shard.parkedDropped,
    'parked here are dropped, for nothing tells whether they have ended: lost where they had not',
  )
  say(shard.forgotten, 'whose ids are forgotten: a copy sent again takes effect again')
  if (standing !== 'behind' && through > directory.through) {
    lines.push(
      `  outcomes, parked messages and dead letters of messages ${directory.through + 1}–${through} are not known here: what was parked then is lost`,
      '  dead letters that were retried or dropped since are open again',
    )
  }
  if (standing === 'behind' && directory.through > through) {
    lines.push(
      `  dead letters of messages behind ${through} stay, and may come a second time when those are delivered again`,
    )
  }
  for (const { name, before, after } of shard.sources) {
    const from = after === undefined ? 'its start' : `offset ${after}`
    lines.push(`  ${name} is read on from ${from}, not from ${before ?? 'its start'}`)
  }
  for (const name of shard.sourcesKept) {
    lines.push(`  ${name} is not read again, for messages of it wait here: what it lost stays lost`)
  }
  if (!shard.knowsSources) {
    lines.push(
      '  the sink does not tell where the sources have got to, for they are too many: they are read on from where this directory has them, and what was done since may take effect again',
    )
  }
  return lines
}

/** JSON has no form for an offset from 2^53 on. */
function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
