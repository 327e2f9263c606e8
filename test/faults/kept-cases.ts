import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { CaseResult } from './case.js'

/** The results of a long campaign, a line each in a file, so that it can be stopped and gone on with. */
export class KeptCases {
  readonly #path: string | undefined

  /**
   * @param path undefined: nothing is kept
   * @throws Error where the file is another seed's
   */
  constructor(path: string | undefined, seed: string) {
    this.#path = path
    if (path === undefined) return
    if (!existsSync(path)) {
      writeFileSync(path, `${JSON.stringify({ seed })}\n`)
      return
    }
    const { seed: kept } = JSON.parse(this.#lines()[0] ?? '{}') as { seed?: string }
    if (kept !== seed) throw new Error(`${path} keeps cases of seed ${kept}, not of ${seed}`)
  }

  load(): CaseResult[] {
    return this.#lines()
      .slice(1)
      .map((line) => {
        const { hits, ...result } = JSON.parse(line) as CaseResult & { hits: [string, number][] }
        return { ...result, hits: new Map(hits) }
      })
  }

  add(result: CaseResult): void {
    if (this.#path === undefined) return
    appendFileSync(this.#path, `${JSON.stringify({ ...result, hits: [...result.hits] })}\n`)
  }

  /** Whole ones: a kill may have torn the last. */
  #lines(): string[] {
    if (this.#path === undefined) return []
    return readFileSync(this.#path, 'utf8').split('\n').slice(0, -1)
  }
}
