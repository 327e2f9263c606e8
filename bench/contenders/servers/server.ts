/** A server that the bench starts from what is installed. */
export interface ServerKind {
  readonly name: string
  /** The command that installs it. */
  readonly install: string
  /** What of it is not installed. @returns undefined where all of it is */
  missing(): string | undefined
  version(): string
  start(place: ServerPlace): Promise<Server>
}

export interface ServerPlace {
  /** Empty; the server's data and its log are in it. */
  readonly dir: string
  /** Free when it was looked for. */
  readonly port: number
  freePort(): Promise<number>
}

export interface Server {
  stop(): Promise<void>
}
