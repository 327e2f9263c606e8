import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from './service.js'

export interface Received {
  readonly path: string
  readonly method: string
  readonly key: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

/** What a server does with a request that it has read; answers 204 where that does nothing. */
export type Reaction = (
  received: Received,
  response: ServerResponse,
  request: IncomingMessage,
) => unknown

export interface Receiver {
  readonly url: string
  readonly received: Received[]
  react: Reaction
  readonly connections: () => Promise<number>
  /** Requests that were under way at once, at most. */
  readonly sideBySide: () => number
}

/** A server that keeps what it was sent, until the test is over. */
export async function receiver(react: Reaction = () => {}): Promise<Receiver> {
  const received: Received[] = []
  let underWay = 0
  let most = 0
  const { server, port } = await listen((request, response) => {
    underWay += 1
    most = Math.max(most, underWay)
    response.on('close', () => (underWay -= 1))
    void (async () => {
      let text = ''
      for await (const part of request) text += String(part)
      const { headers, url = '', method = '' } = request
      const one = {
        path: url,
        method,
        key: headers['idempotency-key'] as string | undefined,
        headers,
        body: asJson(text),
      }
      received.push(one)
      await made.react(one, response, request)
      if (!response.writableEnded && !response.headersSent && !response.destroyed) {
        response.writeHead(204).end()
      }
    })().catch(() => {})
  })
  const made: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    react,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
      }),
    sideBySide: () => most,
  }
  return made
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
