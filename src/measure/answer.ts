import { toError } from '../core/errors.js'
import type { Answer } from './child.js'

/**
 * The whole of a script that `runChild` runs: does what it was told, hands the result over and ends
 * the process.
 */
export async function answer<T>(
  work: (told: T & { readonly dir: string }) => unknown,
): Promise<void> {
  let said: Answer
  try {
    said = { value: await work(JSON.parse(process.argv[2] as string) as T & { dir: string }) }
  } catch (error) {
    said = { failure: toError(error).message }
  }
  if (process.send === undefined) {
    process.stdout.write(`${JSON.stringify(said)}\n`)
    return
  }
  process.send(said, () => process.exit(0))
}
