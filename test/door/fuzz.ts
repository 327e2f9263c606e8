import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './case.js'
import { drawCase } from './draw.js'
import { Lane } from './lane.js'
import { shrink } from './shrink.js'

export interface FuzzOptions {
  /** Where the cases' directories are made. */
  readonly dir: string
  readonly seed: string
  /** The number of the first case. */
  readonly first: number
  readonly casesMax: number
  readonly secondsMax: number
  readonly lanes: number
  /** Ends after so many findings that differ. */
  readonly findingsMax: number
  /** So often a case is cut down. */
  readonly triesMax: number
  /** Instead of drawn ones, only this case. */
  readonly only?: Case | undefined
  readonly onFound?: (found: Found) => void
}

export interface Found {
  readonly number: number
  readonly check: string
  readonly text: string
  /** The case, cut down. */
  readonly small: Case
  /** When it was found, of the run's. */
  readonly seconds: number
}

export interface Fuzzed {
  readonly cases: number
  readonly found: readonly Found[]
  readonly seconds: number
}

/** Runs drawn cases in lanes until time, cases or findings are at their bound. */
export async function fuzzDoor(options: FuzzOptions): Promise<Fuzzed> {
  const { dir, seed, first, secondsMax, findingsMax, triesMax, only, onFound } = options
  const casesMax = only === undefined ? options.casesMax : 1
  const began = performance.now()
  const elapsed = (): number => (performance.now() - began) / 1000
  const found: Found[] = []
  /** Of a kind that was found already no other is looked into. */
  const known = new Set<string>()
  let next = 0
  let cases = 0
  const isOver = (): boolean =>
    next >= casesMax || elapsed() >= secondsMax || found.length >= findingsMax

  const work = async (number: number): Promise<void> => {
    const laneDir = join(dir, `lane-${number}`)
    mkdirSync(laneDir, { recursive: true })
    const lane = new Lane(laneDir)
    try {
      while (!isOver()) {
        const id = first + next++
        const given = only ?? drawCase(seed, id)
        const [finding] = await lane.run(given)
        cases += 1
        if (finding === undefined) continue
        const seconds = elapsed()
        const { check } = finding
        const kind = `${check} ${finding.text.replaceAll(/\d+/g, '').slice(0, 40)}`
        if (known.has(kind)) continue
        known.add(kind)
        let { text } = finding
        const shows = async (candidate: Case): Promise<boolean> => {
          const again = (await lane.run(candidate)).find((one) => one.check === check)
          if (again !== undefined) ({ text } = again)
          return again !== undefined
        }
        const small = await shrink(given, shows, triesMax)
        const one = { number: id, check, text, small, seconds }
        found.push(one)
        onFound?.(one)
      }
    } finally {
      lane.close()
    }
  }
  await Promise.all(
    Array.from({ length: only === undefined ? options.lanes : 1 }, (_, i) => work(i)),
  )
  return { cases, found, seconds: elapsed() }
}
