import { createServer, connect, type Socket } from 'node:net'
import { atEnd } from './service.js'

/** What goes through a proxy before it cuts both sides off. */
export interface Cut {
  readonly of: 'request' | 'response'
  readonly behind: number
}

/** A proxy that cuts each connection as it is told when that begins. */
export class CuttingProxy {
  cut: Cut = { of: 'request', behind: Infinity }
  /** Called with each connection. */
  connected = (): void => {}
  port = 0

  async listen(to: number): Promise<void> {
    const server = createServer((client) => this.#join(client, connect(to, '127.0.0.1')))
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    this.port = (server.address() as { port: number }).port
    atEnd(() => new Promise((resolve) => server.close(resolve)))
  }

  #join(client: Socket, server: Socket): void {
    this.connected()
    const { of, behind } = this.cut
    const cut = (): void => {
      client.destroy()
      server.destroy()
    }
    const forward = (from: Socket, to: Socket, bytesMax: number): void => {
      let left = bytesMax
      from.on('error', cut)
      from.on('close', cut)
      from.on('data', (part) => {
        const taken = part.subarray(0, left)
        left -= taken.length
        // The bytes before the cut arrive: only then is it one behind them.
        if (left > 0) to.write(taken)
        else to.write(taken, () => setImmediate(cut))
      })
      if (left === 0) cut()
    }
    forward(client, server, of === 'request' ? behind : Infinity)
    forward(server, client, of === 'response' ? behind : Infinity)
  }
}
