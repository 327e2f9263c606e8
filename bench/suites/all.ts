import { duplicates } from './duplicates.js'
import { guarantees } from './guarantees.js'
import { latencies } from './latencies.js'
import { loneSends } from './lone-sends.js'
import { occupancy } from './occupancy.js'
import { parts } from './parts.js'
import { shards } from './shards.js'
import { sizes } from './sizes.js'
import { sqliteCommits } from './sqlite-commits.js'
import type { Suite } from './suite.js'

/** In the order in which they are measured and printed. */
export const suites: readonly Suite[] = [
  guarantees,
  latencies,
  loneSends,
  sizes,
  shards,
  duplicates,
  occupancy,
  sqliteCommits,
  parts,
]
