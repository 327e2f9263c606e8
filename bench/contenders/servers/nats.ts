import { execFileSync } from 'node:child_process'
import { Daemon } from './daemon.js'
import { programPath } from './programs.js'
import type { ServerKind } from './server.js'

export const nats: ServerKind = {
  name: 'nats-server',
  install: 'apt-get install nats-server',
  missing: () => (programPath('nats-server') === undefined ? 'nats-server' : undefined),
  version: () => /v(\d\S*)/.exec(execFileSync('nats-server', ['--version']).toString())?.[1] ?? '?',
  start: ({ dir, port }) => {
    const place = ['--addr', '127.0.0.1', '--port', String(port)]
    const command = ['nats-server', '--jetstream', '--store_dir', dir, ...place] as const
    return new Daemon('nats-server', dir, [...command]).listening(port)
  },
}
