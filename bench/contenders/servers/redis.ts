import { execFileSync } from 'node:child_process'
import { Daemon } from './daemon.js'
import { programPath } from './programs.js'
import type { ServerKind } from './server.js'

export const redisSettings = 'append-only file, appendfsync everysec, noeviction'

export const redis: ServerKind = {
  name: 'redis-server',
  install: 'apt-get install redis-server',
  missing: () => (programPath('redis-server') === undefined ? 'redis-server' : undefined),
  version: () => /v=(\S+)/.exec(execFileSync('redis-server', ['--version']).toString())?.[1] ?? '?',
  start: ({ dir, port }) => {
    const options = {
      port,
      bind: '127.0.0.1',
      dir,
      daemonize: 'no',
      save: '',
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
    }
    const told = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    return new Daemon('redis-server', dir, ['redis-server', ...told]).listening(port)
  },
}
