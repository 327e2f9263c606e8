import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from './daemon.js'
import { answers } from './ports.js'
import { programPath } from './programs.js'
import type { Server, ServerKind } from './server.js'

/** Debian's own script in PATH changes to a user and a directory of its own: the server's is elsewhere. */
const debian = '/usr/lib/rabbitmq/bin'

export const rabbitmq: ServerKind = {
  name: 'rabbitmq-server',
  install: 'apt-get install rabbitmq-server',
  missing: () =>
    programPath('rabbitmq-server') === undefined
      ? 'rabbitmq-server'
      : programPath('epmd') === undefined
        ? 'epmd'
        : undefined,
  version: () => /rabbitmq_server-([\d.]+)/.exec(realpathSync(script()))?.[1] ?? '?',
  start: async ({ dir, port, freePort }) => {
    const [namesPort, nodePort] = [await freePort(), await freePort()]
    // Otherwise the server would start one that stays when it has ended.
    const names = new Daemon('epmd', dir, [
      'epmd',
      '-address',
      '127.0.0.1',
      '-port',
      `${namesPort}`,
    ])
    await names.listening(namesPort)
    const plugins = join(dir, 'enabled_plugins')
    writeFileSync(plugins, '[].\n')
    const config = join(dir, 'rabbitmq.conf')
    writeFileSync(config, `listeners.tcp.local = 127.0.0.1:${port}\nlog.console.level = warning\n`)
    const server = new Daemon('rabbitmq-server', dir, [script()], {
      HOME: dir,
      ERL_EPMD_PORT: `${namesPort}`,
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `semel-bench-${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: `${port}`,
      RABBITMQ_DIST_PORT: `${nodePort}`,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_BASE: dir,
      RABBITMQ_MNESIA_BASE: join(dir, 'data'),
      RABBITMQ_LOG_BASE: join(dir, 'logs'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: join(dir, 'pid'),
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    })
    await server.listening(port, () => answers(port))
    return both(server, names)
  },
}

function script(): string {
  return programPath('rabbitmq-server', [debian]) ?? programPath('rabbitmq-server') ?? ''
}

function both(first: Server, second: Server): Server {
  return {
    stop: async () => {
      await first.stop()
      await second.stop()
    },
  }
}
