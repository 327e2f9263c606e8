import type { Planted } from './bug.js'
import { plantedAtTheDoor } from './planted-door.js'
import { plantedInFiles } from './planted-files.js'
import { plantedInHttp } from './planted-http.js'
import { plantedInMessages } from './planted-messages.js'
import { plantedInSources } from './planted-sources.js'
import { plantedInWaits } from './planted-waits.js'

/** Each would be met at an edge, and by no test of the middle. */
export const planted: readonly Planted[] = [
  ...plantedAtTheDoor.map((bug) => ({ ...bug, by: 'door' as const })),
  ...plantedInFiles,
  ...plantedInHttp,
  ...plantedInMessages,
  ...plantedInSources,
  ...plantedInWaits,
]
