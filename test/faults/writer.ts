import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileOfRow, rowText, sourceFiles } from './messages.js'
import { Random } from './random.js'
import type { Setting } from './setting.js'

/**
 * Who writes the files that the lives read. Between two lives it appends, sometimes not to the end of a
 * line; it rotates what was read to its end, by renaming it or by copying it and cutting it off, with
 * rows in it that nobody has read; or it cuts a file off that was read, and mends it behind a life that
 * was to refuse it.
 */
export class SourceWriter {
  readonly #setting: Setting
  readonly #files: readonly WrittenFile[]
  readonly #random: Random
  /** What was there before a file was cut off. */
  readonly #whole = new Map<string, Buffer>()

  constructor(setting: Setting, dir: string, seed: string) {
    this.#setting = setting
    this.#random = new Random(`${seed} writer`)
    const lines = Array.from({ length: setting.sourceRows }, (_, i) => i + 1)
    this.#files = sourceFiles.slice(0, setting.files).map((name, file) => {
      const rows = lines.filter((line) => fileOfRow(setting, line) === file)
      const texts = rows.map((line) => `${rowText(setting, line)}\n`)
      return new WrittenFile(join(dir, name), Buffer.from(texts.join('')))
    })
  }

  /**
   * What it does before a life.
   * @param wasRead whether the life before has read all files to their ends
   * @returns whether a file is shorter now than what was read of it
   */
  work(wasRead: boolean, isLast: boolean): boolean {
    const random = this.#random
    this.#mend()
    for (const file of this.#files) {
      if (isLast || this.#setting.writer === 'still') {
        file.append(Infinity)
        continue
      }
      if (wasRead && random.chance(0.7)) this.#change(file)
      // What is written behind a cut would go with its mending.
      if (this.#whole.has(file.path)) continue
      file.append(random.below(file.left / 2 + 2))
      if (random.chance(0.5)) file.endLine()
    }
    return this.#whole.size > 0
  }

  #change(file: WrittenFile): void {
    const { writer } = this.#setting
    if (writer === 'renames' || writer === 'copies') {
      file.append(this.#random.below(file.left / 3 + 1))
      file.endLine()
      file.rotate(writer === 'renames')
      // What was rotated away is known by what is in it, and a new file by what it begins with.
      file.appendLine()
    } else if (writer === 'truncates' && file.bytes > 1) {
      this.#whole.set(file.path, readFileSync(file.path))
      truncateSync(file.path, this.#random.below(file.bytes - 1))
    }
  }

  #mend(): void {
    for (const [path, bytes] of this.#whole) writeFileSync(path, bytes)
    this.#whole.clear()
  }
}

/** A file, and what is still to be written to it. */
class WrittenFile {
  readonly path: string
  #rest: Buffer
  #isEnded = true

  constructor(path: string, rest: Buffer) {
    this.path = path
    this.#rest = rest
    appendFileSync(path, '')
  }

  /** Bytes that are not written yet. */
  get left(): number {
    return this.#rest.length
  }

  get bytes(): number {
    return statSync(this.path).size
  }

  append(bytes: number): void {
    const part = this.#rest.subarray(0, bytes)
    if (part.length === 0) return
    appendFileSync(this.path, part)
    this.#rest = this.#rest.subarray(part.length)
    this.#isEnded = part.at(-1) === 10
  }

  endLine(): void {
    if (!this.#isEnded) this.appendLine()
  }

  appendLine(): void {
    this.append(this.#rest.indexOf(10) + 1)
  }

  /** The content so far goes to the name with `.1` behind it, what is there to `.2` … */
  rotate(isRenamed: boolean): void {
    let last = 1
    while (existsSync(`${this.path}.${last}`)) last += 1
    for (; last > 1; last--) renameSync(`${this.path}.${last - 1}`, `${this.path}.${last}`)
    if (isRenamed) {
      renameSync(this.path, `${this.path}.1`)
      appendFileSync(this.path, '')
    } else {
      copyFileSync(this.path, `${this.path}.1`)
      truncateSync(this.path, 0)
    }
  }
}
