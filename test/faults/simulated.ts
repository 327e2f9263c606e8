import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Campaign, CampaignOptions, CampaignResult, Caught, Row } from './campaign.js'

/** The campaigns on the simulated disk: native/faults/campaign.cc. */
const program = fileURLToPath(
  new URL('../../../../build/faults/build/semel_faults', import.meta.url),
)
const run = promisify(execFile)

interface Found extends Omit<Row, 'other' | 'unknown'> {
  readonly redelivered: number
  readonly torn: number
  readonly refused: number
  readonly check?: string
  readonly text?: string
  readonly setting?: string
  readonly episode?: string
}

/** The seed is a word; the program takes a number. */
function numberOf(seed: string): string {
  let number = 0n
  for (const byte of Buffer.from(seed)) number = (number * 257n + BigInt(byte)) % 2n ** 60n
  return String(number)
}

async function simulate(
  amounts: Readonly<Record<string, number>>,
  seed: string,
  dir: string,
  more: readonly string[] = [],
): Promise<Found[]> {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing; build it with: npm run build:faults`)
  }
  const json = join(dir, `simulated-${Object.keys(amounts).join('-')}-${more.join('-')}.json`)
  const words = Object.entries(amounts).flatMap(([name, amount]) => [`--${name}`, String(amount)])
  try {
    await run(program, [...words, '--seed', numberOf(seed), '--json', json, ...more])
  } catch (error) {
    // 1: something was found, which the file tells; anything else ended without telling.
    if ((error as { code?: unknown }).code !== 1) throw error
  }
  return JSON.parse(readFileSync(json, 'utf8')) as Found[]
}

export function simulated(option: string): Campaign {
  return {
    option,
    async run(amount: number, { seed, dir }: CampaignOptions): Promise<CampaignResult> {
      const found = await simulate({ [option]: amount }, seed, dir)
      return {
        rows: found.map((one) => ({ ...one, other: isOther(one) ? 1 : 0, unknown: 0 })),
        notes: found.map(
          ({ fault, redelivered, torn, refused }) =>
            `${fault}: ${redelivered} messages delivered again, ${torn} torn ends, ${refused} refused where that is the answer`,
        ),
        failures: found.flatMap(({ fault, check, text, setting, episode }) =>
          check === undefined
            ? []
            : [
                `${fault}, ${setting}\n  ${check}: ${text}\n  again: build/faults/build/semel_faults --${option} 1000 --episode ${episode}`,
              ],
        ),
      }
    },
  }
}

function isOther({ check, lost, twice, outOfOrder }: Found): boolean {
  return check !== undefined && lost + twice + outOfOrder === 0
}

/** Every planted bug that the core knows: name → what it does. */
export async function plantable(): Promise<Map<string, string>> {
  const { stdout } = await run(program, ['--bugs'])
  return new Map(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  )
}

/** Whether a campaign on the simulated disk shows the bug. */
export async function plantedSimulation(
  bug: string,
  { seed, dir }: CampaignOptions,
): Promise<Caught> {
  const amounts = { 'failed-syncs': 100, 'power-loss': 60_000, deaths: 8000, damage: 10_000 }
  let cases = 0
  let seconds = 0
  for (const [name, amount] of Object.entries(amounts)) {
    const found = await simulate({ [name]: amount }, seed, dir, ['--planted', bug])
    for (const one of found) {
      cases += one.cases
      seconds += one.seconds
      if (one.check === undefined) continue
      const { check, text = '', fault } = one
      return { bug, check, detail: `${fault}: ${text}`, cases, kills: 0, seconds }
    }
  }
  return { bug, check: undefined, detail: '', cases, kills: 0, seconds }
}
