/** A request, whichever server has it. */
export interface Ask<Raw> {
  readonly method: string
  /** Path and query, as far as the handler is given them. */
  readonly target: string
  /** By its name in lower case; several of one name are joined by commas. */
  header(name: string): string | undefined
  /**
   * The body.
   * @param signal ends the reading, with its reason
   * @throws Refusal where it is longer, or has been read by somebody else
   */
  read(bytesMax: number, signal: AbortSignal): Promise<Uint8Array>
  /** Given when the client is gone, or has given up. */
  readonly left: AbortSignal
  /** As the server gave it. */
  readonly raw: Raw
}

/** What is answered, whichever server tells it. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Watch | undefined
  /** Nothing more is read of its connection, where it has one. */
  readonly ends?: boolean
}

/** A body that is told in parts. */
export interface Watch {
  /**
   * Begins to tell.
   * @returns to be called when nobody listens any more
   */
  begin(listener: Listener): () => void
}

export interface Listener {
  /** Whether there is room for more; where there is none, a client does not read. */
  readonly isReading: boolean
  tell(text: string): void
  end(): void
}

/** The reason of a request's end that nobody waits for: its client is gone. */
export class Left extends Error {
  constructor() {
    super('the client has left')
    this.name = 'Left'
  }
}
