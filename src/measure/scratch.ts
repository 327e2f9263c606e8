import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const all = new Set<Scratch>()

/** A folder that is gone when it is removed, and at the latest when the process exits. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'semel-measure-'))
  /** Ends whoever works in it. */
  onRemove: (() => void) | undefined

  constructor() {
    if (all.size === 0) process.once('exit', removeAll)
    all.add(this)
  }

  /** May be called twice. */
  remove(): void {
    this.onRemove?.()
    rmSync(this.folder, { recursive: true, force: true })
    all.delete(this)
    if (all.size === 0) process.off('exit', removeAll)
  }
}

function removeAll(): void {
  for (const scratch of all) scratch.remove()
}
