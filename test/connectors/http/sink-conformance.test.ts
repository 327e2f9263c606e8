import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as vitest from 'vitest'
import type { Sink, SinkContext } from 'semel'
import { httpSink } from 'semel/http'
import { describeSink } from 'semel/testing'

/** By path, what was taken, and under which keys. */
const taken = new Map<string, { outputs: unknown[]; keys: Set<string> }>()

const server = createServer((request, response) => {
  let text = ''
  request.on('data', (part) => (text += String(part)))
  request.on('end', () => {
    const output = JSON.parse(text) as { refused?: true }
    if (output.refused === true) {
      response.writeHead(422).end('it is refused')
      return
    }
    const path = request.url as string
    const at = taken.get(path) ?? { outputs: [], keys: new Set() }
    taken.set(path, at)
    const key = request.headers['idempotency-key'] as string | undefined
    if (key === undefined || !at.keys.has(key)) at.outputs.push(output)
    if (key !== undefined) at.keys.add(key)
    response.writeHead(201).end('{}')
  })
})
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve)
})
vitest.afterAll(() => {
  server.closeAllConnections()
  server.close()
})

let fixtures = 0
/** Each shard writes to a path of its own, so that it can be told what came from which. */
function fixtureOf(options: { idempotent?: true }) {
  const path = `/${fixtures++}`
  const of = (shard: number) =>
    httpSink(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}/${shard}`, {
      ...options,
      ...(options.idempotent === true
        ? { key: (output: unknown) => `k${(output as { id: number }).id}` }
        : {}),
    } as { idempotent: true })
  return {
    sink: Object.freeze({
      ...of(0),
      connect: (context: SinkContext) => of(context.shard).connect(context),
    }) as Sink<unknown>,
    read: (shard: number) => taken.get(`${path}/${shard}`)?.outputs ?? [],
    tear: { skip: 'a server has a request or not' },
    failNextWrite: { skip: 'what was answered stays written, and only the rest is given again' },
    refused: { output: { refused: true } },
  }
}

describeSink(vitest, {
  name: 'httpSink',
  kind: 'repeatable',
  create: () => fixtureOf({}),
})

describeSink(vitest, {
  name: 'httpSink, idempotent',
  kind: 'idempotent',
  create: () => fixtureOf({ idempotent: true }),
})
