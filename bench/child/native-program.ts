import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of a program of native/bench; undefined where it is not built. */
export function nativeProgram(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../native-bench/${name}`, import.meta.url))
  return existsSync(path) ? path : undefined
}
