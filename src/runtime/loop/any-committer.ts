import { Committer, type CommitterParts } from './committer.js'
import type { ShardLoopParts } from './shard-loop-parts.js'
import { TransactionalCommitter } from './transactional-committer.js'

/** The end of a shard's way, whatever its sink can do. */
export type AnyCommitter = Pick<Committer, 'through' | 'begin' | 'rest' | 'commit' | 'stop'>

type Told = Pick<CommitterParts, 'answers' | 'refused' | 'committed' | 'again' | 'sinkFailed'>

/** Chosen once: what has the last word on a commit, the ack log or the sink. */
export function committerOf(parts: ShardLoopParts, told: Told): AnyCommitter {
  const { handle, shard, firstShard, seat, connection, flushes, link } = parts
  const all = { handle, shard, seat, ...told }
  if (link === undefined) return new Committer({ ...all, connection, flushes })
  return new TransactionalCommitter({ ...all, link, shardOfAll: firstShard + shard })
}
