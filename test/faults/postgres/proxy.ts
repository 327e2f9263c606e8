import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Random } from '../random.js'
import { Rounds } from './rounds.js'

/** Where a connection is cut, of a commit that comes by. */
export const cuts = [
  /** Nothing of it reaches the server. */
  'before it arrives',
  /** A part of it does. */
  'in the middle',
  /** All of it does, and nobody waits for the answer. */
  'behind it',
  /** The server has answered, and the answer reaches nobody. */
  'before the answer',
  /** A part of the answer is heard. */
  'in the answer',
] as const
export type Cut = (typeof cuts)[number]

/** Of the commits that come by. */
const cutShare = 0.03

/** Between a case and its server; it cuts connections around commits. */
export class Proxy {
  readonly #port: () => number
  readonly #random: Random | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #made = new Map<Cut, number>()

  /**
   * @param port the server's, as it is at each connecting
   * @param random without, nothing is cut
   */
  constructor(port: () => number, random: Random | undefined) {
    this.#port = port
    this.#random = random
    this.#server = createServer((client) => this.#join(client))
  }

  /** How often each cut was made. */
  get made(): ReadonlyMap<Cut, number> {
    return this.#made
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(client: Socket): void {
    const server = connect(this.#port(), '127.0.0.1')
    const rounds = new Rounds()
    let isAnswerCut = false
    let isHalfHeard = false
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    client.on('data', (chunk: Buffer) => {
      for (const { bytes, isCommit } of rounds.take(chunk)) {
        const cut = isCommit ? this.#draw() : undefined
        if (cut === 'before it arrives') {
          end()
          return
        }
        if (cut === 'in the middle') {
          server.end(bytes.subarray(0, bytes.length >> 1))
          client.destroy()
          return
        }
        server.write(bytes)
        if (cut === 'behind it') {
          server.end()
          client.destroy()
          return
        }
        isAnswerCut ||= cut === 'before the answer'
        isHalfHeard ||= cut === 'in the answer'
      }
    })
    server.on('data', (answer: Buffer) => {
      if (isHalfHeard) client.end(answer.subarray(0, answer.length >> 1))
      else if (!isAnswerCut) {
        client.write(answer)
        return
      }
      end()
    })
  }

  #draw(): Cut | undefined {
    if (this.#random?.chance(cutShare) !== true) return undefined
    const cut = this.#random.oneOf(cuts)
    this.#made.set(cut, (this.#made.get(cut) ?? 0) + 1)
    return cut
  }
}
