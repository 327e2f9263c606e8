/** Writes on standard output; resolved when it has left the process, or when nobody reads it. */
export type Print = (text: string) => Promise<void>

let ours: typeof process.stdout.write | undefined

/** Standard output for everybody. */
export const print: Print = async (text) => {
  const write = ours ?? process.stdout.write.bind(process.stdout)
  await new Promise<void>((resolve) => write(text, () => resolve()))
}

/**
 * Keeps standard output for `print`. What a pipeline writes there, in this thread or (by Node's pipe) in
 * a worker, goes to standard error, so that a reader gets one object and nothing else.
 */
export function reserveStdout(): void {
  ours ??= process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write
}

/** A reader that goes away (`| head`) is no error of ours: what it no longer reads is left unwritten. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}
