import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a program is. @returns undefined where it is not installed */
export function programPath(
  name: string,
  places: readonly string[] = (process.env['PATH'] ?? '').split(delimiter),
): string | undefined {
  return places
    .filter((place) => place !== '')
    .map((place) => join(place, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
