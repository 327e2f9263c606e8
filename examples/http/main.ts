// Takes orders by HTTP; each takes effect once, in the file of the pipeline's sink.
//   node build/js/examples/http/main.js [--port N] [--dir DIR] [--in-flight N]
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from 'semel'
import type { Order, Placed } from './order.js'
import { OrderService } from './service.js'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    dir: { type: 'string', default: './data/http' },
    'in-flight': { type: 'string', default: '1000' },
  },
})

// The pipeline's module is imported by the worker as well, which has the environment of this process.
process.env['SEMEL_HTTP_OUT'] ??= join(values.dir, 'orders.ndjson')

const stream = await open<Order, Placed>(new URL('./orders.pipeline.js', import.meta.url), {
  dir: join(values.dir, 'stream'),
  acknowledge: 'stored',
})
const service = new OrderService(stream, Number(values['in-flight']))

let isClosing = false
async function stop(exitCode: number): Promise<void> {
  if (isClosing) return
  isClosing = true
  try {
    await service.close()
  } catch (error) {
    console.error(error)
    exitCode = 1
  }
  process.exitCode = exitCode
}
process.once('SIGTERM', () => void stop(0))
process.once('SIGINT', () => void stop(0))
// A full disk, say: it acknowledges nothing more. Whoever supervises the process starts it again.
stream.once('failed', (error) => {
  console.error(error)
  void stop(1)
})

service.server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(service.server.address() as AddressInfo).port}`)
})
