import { connect } from 'node:net'
import { within } from '../../core/waiting/timers.js'
import type { Client } from './driver.js'

/** So long the request may be on its way. */
const sendingMsMax = 1000

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest */
const requestCode = 80_877_102

/**
 * Asks the server to end the statement of a connection that is given up. It does not look after its
 * clients while a statement waits for a lock: such statements would pile up, one for each attempt.
 * Whether the request arrives makes no difference but that.
 */
export async function cancel({ host, port, processID, secretKey }: Client): Promise<void> {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(16)
  for (const [at, value] of [16, requestCode, processID, secretKey].entries()) {
    request.writeInt32BE(value, 4 * at)
  }
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => {})
  socket.end(request)
  // The server closes it when it has passed the request on.
  await within(new Promise((resolve) => socket.once('close', resolve).resume()), sendingMsMax)
  socket.destroy()
}
