import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import type { Machine, Report, Result } from './result.js'

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()} ${process.arch}`,
  }
}

export function versions(): Record<string, string> {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  return { semel: version, node: process.versions.node, v8: process.versions.v8 }
}

/** @param others versions of what else was measured */
export function reportOf(
  results: readonly Result[],
  others: Readonly<Record<string, string>> = {},
): Report {
  return {
    machine: machine(),
    date: new Date().toISOString(),
    versions: { ...versions(), ...others },
    results,
  }
}

/** One line: what was measured with, on what, and when. */
export function reportTitle({
  machine: { cpu, cores, memoryGiB, os },
  date,
  versions: of,
}: Report): string {
  const names = Object.entries(of).map(([name, version]) => `${name} ${version}`)
  return `${names.join(', ')} · ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os} · ${date.slice(0, 16).replace('T', ' ')} UTC`
}
