import type { Random } from '../faults/random.js'
import type { Value } from './case.js'
import { kindOf, kinds, type Fate, type Kind } from './kinds.js'

const drawn = Object.entries(kinds).flatMap(([kind, { weight = 1 }]) =>
  Array<string>(weight).fill(kind),
)
const harmless = ['integer', 'text', 'null', 'boolean']

/** Half of all values are plain, so that the others meet them. */
export function drawValue(random: Random, depth = 0): Value {
  if (depth < 3 && random.chance(0.35)) {
    const items = random.below(4)
    const inner = (): Value => drawValue(random, depth + 1)
    const shape = random.below(4)
    if (shape === 0) return { array: Array.from({ length: items }, inner) }
    if (shape === 1)
      return {
        map: Array.from({ length: items }, (_, i) => [drawKey(random, i), inner()] as const),
      }
    return {
      object: Array.from(
        { length: items },
        (_, i) => [random.chance(0.2) ? `n${i}${random.below(1000)}` : `m${i}`, inner()] as const,
      ),
    }
  }
  const kind = random.chance(0.4) ? random.oneOf(harmless) : random.oneOf(drawn)
  return { kind, code: random.oneOf((kinds[kind] as Kind).codes) }
}

/** Of a map's entry: no other has the same one, which would take its place. */
function drawKey(random: Random, entry: number): Value {
  const key = { kind: 'integer', code: String(entry) }
  return random.chance(0.5) ? key : { array: [key, drawValue(random, 3)] }
}

/** What is refused anywhere in a value refuses all of it. */
export function fateOf(value: Value): Fate {
  if ('code' in value) return kindOf(value.kind).fate
  const inner =
    'array' in value
      ? value.array
      : 'map' in value
        ? value.map.flat()
        : value.object.map(([, v]) => v)
  const fates = inner.map(fateOf)
  return (
    fates.find((fate) => fate === 'refused') ?? fates.find((fate) => fate === 'either') ?? 'carried'
  )
}
