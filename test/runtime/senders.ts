import { forEach, memory, pipeline, type MemorySink, type OpenOptions, type Stream } from 'semel'
import { opened, small } from './verbs.js'

/** What the tests of senders send. */
export interface Note {
  readonly id: number
  readonly key?: string
  readonly pad?: string
}

export const note = (id: number, pad = ''): Note => ({ id, pad })

export function notes(from: number, to: number, pad = ''): Note[] {
  return Array.from({ length: to - from }, (_, i) => note(from + i, pad))
}

/** At most once, inline and in memory: what senders see of it is what they see of any. */
export const inline: OpenOptions<Note> = { ...small, workers: 0 }

/** A stream whose handler is the test's own. */
export async function handled<Out = Note>(
  handle: (sent: Note) => Out,
  options: OpenOptions<Note> = {},
): Promise<{ stream: Stream<Note, Awaited<Out>>; sink: MemorySink<Awaited<Out>> }> {
  const sink = memory<Awaited<Out>>()
  const definition = pipeline('notes')
    .accepts<Note>()
    .deliver('at-most-once')
    .keyBy(({ key, id }) => key ?? String(id))
    .map(handle)
    .to(sink)
  const stream = await opened<Note>(definition as never, { ...inline, ...options } as OpenOptions)
  return { stream: stream as Stream<Note, Awaited<Out>>, sink }
}

/** A sink that takes nothing until it is opened; the ring fills up behind it. */
export class Gate {
  #isOpen = false
  #opened: (() => void)[] = []
  readonly written: number[] = []

  open(): void {
    this.#isOpen = true
    for (const resolve of this.#opened.splice(0)) resolve()
  }

  async stream(options: OpenOptions<Note> = {}): Promise<Stream<Note, Note>> {
    const sink = forEach<Note>(async ({ id }) => {
      if (!this.#isOpen) {
        await new Promise<void>((resolve) => {
          this.#opened.push(resolve)
        })
      }
      this.written.push(id)
    })
    const definition = pipeline('gated').accepts<Note>().deliver('at-most-once').to(sink)
    return (await opened<Note>(definition, { ...inline, ...options } as OpenOptions)) as Stream<
      Note,
      Note
    >
  }
}

/** What a promise was rejected with. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`it was fulfilled with ${JSON.stringify(value)}`)
    },
    (reason: unknown) => reason,
  )

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** What a number stands still at: a fast machine and a slow one come to the same. */
export async function standsAt(value: () => number): Promise<number> {
  let seen = value()
  for (let still = 0; still < 10; still++) {
    await sleep(20)
    if (value() !== seen) still = 0
    seen = value()
  }
  return seen
}
