import type { Job, Result } from 'semel/measure'
import type { Part, PartTask } from '../child/part.js'
import { codecCeiling, guarantees } from './guarantees.js'
import { nativeResults } from './natives.js'
import type { Suite } from './suite.js'

const names: Readonly<Record<Part, string>> = {
  encode: 'encoding an object (sender)',
  decode: 'decoding an object (worker)',
  'native call': 'a call into the native core, one for each batch',
}

/** Parts of a message's way by themselves, and what they leave of the whole. */
export const parts: Suite = {
  name: 'parts',
  jobs: ({ isSmoke }) =>
    (Object.keys(names) as Part[]).map((part): Job => {
      const task: PartTask = { part, ms: isSmoke ? 20 : 1000 }
      return {
        result: { case: names[part] },
        script: new URL('../child/part.js', import.meta.url),
        task,
        timeoutMs: 60_000,
      }
    }),
  conclude: (setting, own, before) => [...nativeResults(setting), ...rests(own, before)],
}

/** Of a message in all, what neither encoding nor decoding explains: the slower thread decides. */
function rests(own: readonly Result[], before: readonly Result[]): Result[] {
  const nsOf = (part: Part): number | undefined =>
    own.find(({ case: name }) => name === names[part])?.nanoseconds?.median
  const encode = nsOf('encode')
  const decode = nsOf('decode')
  if (encode === undefined || decode === undefined) return []
  return before.flatMap((result): Result[] => {
    const { suite, message, acknowledge, messagesPerSecond, case: name } = result
    if (suite !== guarantees.name || message !== 'object' || acknowledge !== undefined) return []
    if (messagesPerSecond === undefined || name === codecCeiling) return []
    const { median, min, max } = messagesPerSecond
    const rest = ns(median) - Math.max(encode, decode)
    return [
      {
        case: `a message in all: ${name}`,
        nanoseconds: { median: ns(median), min: ns(max), max: ns(min) },
        note: `${rest.toFixed(0)} ns beyond ${encode > decode ? 'encoding' : 'decoding'}, the slower of the two that run at once: ids, ring, index, acknowledgment, and the two threads waiting for each other`,
      },
    ]
  })
}

function ns(perSecond: number): number {
  return 1e9 / perSecond
}
