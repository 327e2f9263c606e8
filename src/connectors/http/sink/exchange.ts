import {
  Agent as HttpAgent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { after, nowMs } from '../../../core/waiting/timers.js'

/** Of an answer's body: what a person is shown of a refusal. */
const shownBytesMax = 1024
/** What is read of an answer, so that its connection can be used again; beyond it that is closed. */
const drainedBytesMax = 1024 * 1024

/** How long a connection is kept that nothing is sent by. */
const idleMs = 30_000

export interface Outgoing {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string | Uint8Array
}

export interface Incoming {
  readonly status: number
  readonly retryAfter: string | undefined
  /** The beginning of its body. */
  readonly text: string
}

/** The connections to servers of one shard's sink: kept open, bounded, and ended together. */
export class Connections {
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  readonly #max: number

  constructor(max: number) {
    this.#max = max
    const options = { keepAlive: true, maxSockets: max, maxFreeSockets: max, timeout: idleMs }
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  /**
   * Sends a request, and reads its answer to the end. Where the server had closed a connection that was
   * kept, and nobody knew yet, it is sent once more.
   * @throws Error where there is none in time, or the connection fails before it
   */
  async exchange(outgoing: Outgoing, timeoutMs: number): Promise<Incoming> {
    const untilMs = nowMs() + timeoutMs
    for (let stale = 0; ; stale++) {
      const attempt = new Attempt(outgoing, this.#agentOf(outgoing))
      const endWait = after(Math.max(0, untilMs - nowMs()), () => {
        attempt.end(new Error(`no answer within ${timeoutMs} ms`))
      })
      try {
        return await attempt.incoming
      } catch (error) {
        // Those that were kept may all be such.
        if (!attempt.wasStale || stale === this.#max || nowMs() >= untilMs) throw error
      } finally {
        endWait()
      }
    }
  }

  #agentOf({ url }: Outgoing): HttpAgent {
    return url.protocol === 'https:' ? this.#https : this.#http
  }

  /** Ends all connections, with what is under way on them. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

class Attempt {
  readonly incoming: Promise<Incoming>
  readonly #request: ClientRequest
  #failure: Error | undefined

  constructor({ url, method, headers, body }: Outgoing, agent: HttpAgent) {
    const options = {
      method,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent,
    }
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options)
    this.#request = request
    this.incoming = new Promise((resolve, reject) => {
      let isAnswered = false
      const failed = (error: Error): void => {
        // Behind an answer it is of no account: a server need not read what it refuses.
        if (isAnswered) return
        this.#failure ??= error
        reject(error)
      }
      request.on('error', failed)
      // Also without a word, as where a server wants to go on in another protocol.
      request.on('close', () => failed(new Error('the connection has ended')))
      request.on('response', (response) => {
        isAnswered = true
        void readToEnd(response).then((text) => {
          const { statusCode: status = 0, headers: told } = response
          resolve({ status, retryAfter: told['retry-after'], text })
        })
      })
    })
    request.end(body)
  }

  /** Whether a connection that had been kept turned out to be closed. */
  get wasStale(): boolean {
    const { code } = (this.#failure ?? {}) as NodeJS.ErrnoException
    return this.#request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')
  }

  end(error: Error): void {
    this.#request.destroy(error)
  }
}

/** The beginning of a body, when it is over. That it broke off changes nothing: its status was told. */
function readToEnd(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let shown = 0
    let read = 0
    response.on('data', (part: Buffer) => {
      if (shown < shownBytesMax) parts.push(part.subarray(0, shownBytesMax - shown))
      shown = Math.min(shownBytesMax, shown + part.length)
      read += part.length
      if (read > drainedBytesMax) response.destroy()
    })
    response.on('error', () => {})
    response.on('close', () => resolve(Buffer.concat(parts).toString('utf8')))
  })
}
