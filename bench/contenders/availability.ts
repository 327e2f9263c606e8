import type { Contender } from './contender.js'
import { installPackages, packageVersion } from './packages.js'

/** Why a contender can't be measured here, with the command that installs what is missing. */
export function missingOf({ packages, server }: Contender): string | undefined {
  const absent = packages.filter((name) => packageVersion(name) === undefined)
  const lacks: string[] = []
  if (absent.length > 0) lacks.push(`no ${absent.join(', ')}: ${installPackages}`)
  const part = server?.missing()
  if (server !== undefined && part !== undefined) lacks.push(`no ${part}: ${server.install}`)
  return lacks.length === 0 ? undefined : lacks.join('; ')
}

/** Of what those that can be measured are made of. */
export function versionsOf(contenders: readonly Contender[]): Record<string, string> {
  const versions: Record<string, string> = {}
  for (const { packages, server } of contenders) {
    for (const name of packages) versions[name] = packageVersion(name) ?? '?'
    if (server !== undefined) versions[server.name] ??= server.version()
  }
  return versions
}
