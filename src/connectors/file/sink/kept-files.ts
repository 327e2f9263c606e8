import { headOf, noHead, type FileHead, type OwnFile } from './own-file.js'

/** A file that the sink has written, as its memo keeps it. Byte b of it is the sink's place `base` + b. */
export interface KeptFile {
  readonly path: string
  readonly inode: string
  readonly head: FileHead
  readonly base: number
  /** Where what the sink has written begins; what is before was there. */
  readonly start: number
  /** When the sink began with it, in ms since 1970. */
  readonly since: number
  /** Of a full one that the sink itself has put aside. */
  readonly number?: number
}

/** How many files are remembered beside those that `rotate.keep` counts: recovery may go back so far. */
const filesMax = 64

/** A file that is begun, in which the sink stands at `place` and at byte `size`. */
export function begun(file: OwnFile, place: number, size: number): KeptFile {
  return {
    path: file.path,
    inode: file.inode,
    head: size === 0 ? noHead : headOf(file.fd, size),
    base: place - size,
    start: size,
    since: Date.now(),
  }
}

/** The files that are still to be remembered, oldest first. */
export function remembered(files: readonly KeptFile[], keep: number): readonly KeptFile[] {
  return files.slice(-Math.max(filesMax, keep === Infinity ? 0 : keep + 1))
}
