import { classDirectoriesIn } from '../runtime/directory/class-directories.js'
import { exitCodes } from './failures.js'

/**
 * Runs a command on a stream's directory; where that holds one for each class of messages, on each.
 * @returns the exit code: the worst of them
 */
export async function inEach<O extends { readonly dir: string }>(
  options: O,
  command: (options: O) => Promise<number>,
): Promise<number> {
  const classes = classDirectoriesIn(options.dir)
  if (classes.length === 0) return command(options)
  let worst: number = exitCodes.ok
  for (const dir of classes) worst = Math.max(worst, await command({ ...options, dir }))
  return worst
}
