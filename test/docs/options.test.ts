import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/reference/options.md'), 'utf8')

interface Built {
  readonly openBounds: Readonly<Record<string, readonly [number, number]>>
  durationMs(value: string, option: string): number
  sizeBytes(value: string, option: string): number
}
const built = (path: string) => import(join(root, 'dist', path)) as Promise<Built>
const { openBounds } = await built('runtime/settings/options.js')
const { durationMs } = await built('core/durations.js')
const { sizeBytes } = await built('core/sizes.js')

const rows = new Map(
  page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [name = '', , bounds = '', fallback = ''] = line.split(' | ')
      return [name.replaceAll(/[|` ]/g, ''), { bounds, fallback }]
    }),
)

/** `65,536`, `16MiB` or `30s`, in the unit of the bounds. */
function valueOf(text: string): number {
  const plain = text.replaceAll(',', '')
  if (/^\d+$/.test(plain)) return Number(plain)
  return plain.endsWith('iB') ? sizeBytes(plain, 'docs') : durationMs(plain, 'docs')
}

/** The value that a default begins with. */
function said(name: string): number {
  const { fallback } = rows.get(name) ?? { fallback: '' }
  return valueOf(/^[\w,]+\w/.exec(fallback)?.[0] ?? fallback.slice(0, 1))
}

describe('docs/reference/options.md', () => {
  test.each(Object.entries(openBounds))('has the bounds of %s', (name, bounds) => {
    expect(rows.get(name)?.bounds.split(' … ').map(valueOf)).toEqual(bounds)
  })

  test('has every option that may be given', () => {
    const source = readFileSync(join(root, 'src/runtime/settings/open-options.ts'), 'utf8')
    const from = source.indexOf('export interface OpenOptions')
    const body = source.slice(from, source.indexOf('\n}\n', from))
    const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((one) => one[1] as string)
    expect(options.length).toBeGreaterThan(15)
    expect(options.filter((option) => !rows.has(option))).toEqual([])
  })

  test('has the defaults that open takes', async () => {
    const { prepare } = (await import(join(root, 'dist/runtime/settings/prepare.js'))) as {
      prepare(
        definition: unknown,
        where: string,
        options: object,
      ): { prepared: { settings: Record<string, unknown> }[] }
    }
    const { memory, pipeline } = await import('semel')
    const definition = pipeline('defaults').accepts().deliver('at-least-once').to(memory())
    const { settings } = prepare(definition, 'open', { dir: 'data' }).prepared[0] as {
      settings: Record<string, unknown>
    }
    for (const [name, setting] of [
      ['shards', 'shards'],
      ['workers', 'workers'],
      ['awaitedMax', 'awaitedMax'],
      ['ring', 'ringBytes'],
      ['segment', 'segmentBytes'],
      ['parkedMax', 'parkedMax'],
      ['inFlightMax', 'inFlightMax'],
      ['groupPauseUs', 'groupPauseUs'],
      ['heartbeat', 'heartbeatMs'],
    ] as const) {
      expect([name, said(name)]).toEqual([name, settings[setting]])
    }
    expect(settings['acknowledge']).toEqual({
      mode: 'stored',
      size: said('acknowledge.batched'),
      withinMs: said('acknowledge.within'),
    })
    expect([settings['durability'], settings['waiting']]).toEqual(['disk', 'balanced'])
  })
})
