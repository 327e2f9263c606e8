import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import { idsInSink } from '../effects.js'
import type { Finding } from '../finding.js'
import { Random } from '../random.js'
import { outputPath, upstreamPath } from '../job.js'
import type { Setting } from '../setting.js'
import { UpstreamGroup } from './group.js'
import { UpstreamQueue } from './queue.js'
import { Wire, type Line } from './wire.js'

/** What the sources of a case have come to know, when all of its lives are over. */
export interface UpstreamReport {
  /** Messages that the queue was told to forget. */
  readonly acknowledged: ReadonlySet<number>
  /** Rows that the group's other member has taken, and of them those that both may have. */
  readonly taken: ReadonlySet<number>
  readonly shared: ReadonlySet<number>
  /** Rows that the stream has told the group to be safe. */
  readonly safeRows: number
  readonly isDone: boolean
}

/** The sources that outlive the lives of a case: a queue and a group, over a socket. */
export class Upstream {
  readonly #dir: string
  readonly #queue: UpstreamQueue
  readonly #group: UpstreamGroup
  readonly #server: Server
  readonly #wires = new Set<Wire>()

  constructor(setting: Setting, dir: string, seed: string) {
    this.#dir = dir
    this.#queue = new UpstreamQueue(setting, new Random(`${seed} queue`))
    this.#group = new UpstreamGroup(setting, new Random(`${seed} group`), () =>
      idsInSink(outputPath(dir, setting), setting),
    )
    this.#server = createServer((socket) => {
      let heard: ((line: Line) => void) | undefined
      const wire: Wire = new Wire(socket, (line) => {
        if (heard !== undefined) heard(line)
        else heard = (line['join'] === 'queue' ? this.#queue : this.#group).join(wire)
      })
      this.#wires.add(wire)
      void wire.over.then(() => this.#wires.delete(wire))
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(upstreamPath(this.#dir))
    await once(this.#server, 'listening')
  }

  /** Before a life. @param share of what is still to come, what comes now; 1: there will be no more */
  put(share: number): void {
    this.#queue.put(share)
    this.#group.put(share)
  }

  /** Behind a life: when nothing of it is heard any more. */
  async settle(): Promise<readonly Finding[]> {
    await Promise.all([...this.#wires].map(({ over }) => over))
    return this.#group.violations.splice(0).map((text) => ({ check: 'upstream', text }))
  }

  get report(): UpstreamReport {
    const { taken, shared, safeRows } = this.#group
    return {
      acknowledged: new Set(this.#queue.acknowledged),
      taken,
      shared,
      safeRows,
      isDone: this.#queue.isDone && this.#group.isDone,
    }
  }

  /** Where it stands, in words. */
  get state(): string {
    return `${this.#queue.state}; group: ${this.#group.state}`
  }

  /** Keeps what the other member has taken beside the sink. */
  close(): void {
    this.#server.close()
    const { taken, shared } = this.#group
    const lines = [...taken].map((id) => JSON.stringify({ id, shared: shared.has(id) }))
    writeFileSync(join(this.#dir, 'other-member.ndjson'), lines.map((line) => `${line}\n`).join(''))
  }
}
