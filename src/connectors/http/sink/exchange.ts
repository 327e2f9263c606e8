import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { after } from '../../../core/waiting/timers.js'

/** Of an answer's body: what a person is shown of a refusal. */
const shownBytesMax = 1024
/** What is read of an answer, so that its connection can be used again; beyond it that is closed. */
const drainedBytesMax = 1024 * 1024

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

  constructor(max: number) {
    const options = { keepAlive: true, maxSockets: max, maxFreeSockets: max }
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  /**
   * Sends a request, and reads its answer to the end.
   * @throws Error where there is none in time, or the connection fails before it
   */
  exchange(outgoing: Outgoing, timeoutMs: number): Promise<Incoming> {
    return new Promise((resolve, reject) => {
      const { url, method, headers, body } = outgoing
      const isTls = url.protocol === 'https:'
      const request = (isTls ? httpsRequest : httpRequest)(url, {
        method,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: isTls ? this.#https : this.#http,
      })
      const endWait = after(timeoutMs, () => {
        request.destroy(new Error(`no answer within ${timeoutMs} ms`))
      })
      let isAnswered = false
      const failed = (error: Error): void => {
        // Behind an answer it is of no account: a server need not read what it refuses.
        if (isAnswered) return
        endWait()
        reject(error)
      }
      request.on('error', failed)
      // Also without a word, as where a server wants to go on in another protocol.
      request.on('close', () => failed(new Error('the connection has ended')))
      request.on('response', (response) => {
        isAnswered = true
        void readToEnd(response).then((text) => {
          endWait()
          const { statusCode: status = 0, headers: told } = response
          resolve({ status, retryAfter: told['retry-after'], text })
        })
      })
      request.end(body)
    })
  }

  /** Ends all connections, with what is under way on them. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
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
