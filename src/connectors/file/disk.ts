import { closeSync, constants, fsync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'

const sync = promisify(fsync)

/** Writes all of `bytes` at `place`: the system may take fewer at a time. */
export function writeAt(fd: number, bytes: Buffer, place: number): void {
  for (let done = 0; done < bytes.length;) {
    const taken = writeSync(fd, bytes, done, bytes.length - done, place + done)
    if (taken === 0) throw new Error('the system takes no more bytes')
    done += taken
  }
}

/** Makes the names in a directory durable. Windows has no such call, and needs none. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const fd = openSync(path, constants.O_RDONLY)
  try {
    await sync(fd)
  } finally {
    closeSync(fd)
  }
}
