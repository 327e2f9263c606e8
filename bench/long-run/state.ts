/** A process in the middle of a long run. All sizes are in bytes. */
export interface State {
  /** Taken so far. */
  readonly messages: number
  readonly elapsedMs: number
  /** Since the state before. */
  readonly messagesPerSecond: number
  /** In memory of the whole process, all threads, with the pages of mapped files. */
  readonly resident: number
  /** Of that, what no file stands behind; undefined where the system does not tell. */
  readonly anonymous: number | undefined
  /** Of the sender's thread. */
  readonly heapUsed: number
  /** Of the sender's thread: memory outside the heap that JavaScript holds. */
  readonly external: number
  /** Ids in the dedup index, and what it takes. */
  readonly ids: number
  readonly index: number
  /** What the stream's directory takes. */
  readonly disk: number
}
