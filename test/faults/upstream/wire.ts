import type { Socket } from 'node:net'

/** One line of a connection: a call, with a number, its answer, or an event. */
export type Line = Readonly<Record<string, unknown>>

/** Lines of JSON over a socket, both ways; calls are answered by their numbers. */
export class Wire {
  readonly #socket: Socket
  readonly #pending = new Map<number, { resolve: (answer: unknown) => void; reject: Reject }>()
  /** Resolves when the connection is over, whoever has ended it. */
  readonly over: Promise<void>
  isOver = false
  #calls = 0
  #rest = ''

  /** @param heard called with each line that is no answer */
  constructor(socket: Socket, heard: (line: Line) => void) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() as string
      for (const line of lines) this.#hear(JSON.parse(line) as Line, heard)
    })
    // What it is ended by, whoever it was, ends it.
    socket.on('error', () => {})
    this.over = new Promise((resolve) => {
      socket.on('close', () => {
        this.isOver = true
        for (const { reject } of this.#pending.values()) reject(new Error('the connection is over'))
        this.#pending.clear()
        resolve()
      })
    })
  }

  send(line: Line): void {
    if (!this.isOver) this.#socket.write(`${JSON.stringify(line)}\n`)
  }

  /** @throws Error where the connection ends before the answer */
  call<T>(name: string, what: Line = {}): Promise<T> {
    if (this.isOver) return Promise.reject(new Error('the connection is over'))
    const call = this.#calls++
    this.send({ ...what, name, call })
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve: resolve as (answer: unknown) => void, reject })
    })
  }

  answer({ call }: Line, answer: unknown = null): void {
    this.send({ answers: call, answer })
  }

  /** Behind what was sent. */
  end(): void {
    this.#socket.end()
  }

  /** At once. */
  cut(): void {
    this.#socket.destroy()
  }

  #hear(line: Line, heard: (line: Line) => void): void {
    const { answers, answer } = line
    if (typeof answers !== 'number') {
      heard(line)
      return
    }
    this.#pending.get(answers)?.resolve(answer)
    this.#pending.delete(answers)
  }
}

type Reject = (error: Error) => void
