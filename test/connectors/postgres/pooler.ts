import { spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, hasServer, owner, serverFolder, type Server } from './server.js'

const program = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((path) => existsSync(path))

/** False, and said loudly: nothing has been tried behind one. */
export const hasPooler = program !== undefined
if (hasServer && !hasPooler) {
  process.stderr.write('\n*** pgbouncer is not installed: nothing was tried behind it ***\n\n')
}

/** A pooler that gives each transaction one of two sessions of a server. */
export class Pooler {
  readonly url: string
  readonly #child: ChildProcess
  readonly #folder: string

  static async start(server: Server): Promise<Pooler> {
    const port = await freePort()
    const folder = serverFolder()
    const file = join(folder, 'pgbouncer.ini')
    writeFileSync(
      file,
      `[databases]
postgres = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
`,
    )
    const by = owner()
    if (by !== undefined) chownSync(file, by.uid, by.gid)
    const child = spawn(program as string, [file], { ...by, stdio: 'ignore' })
    process.once('exit', () => child.kill('SIGKILL'))
    const url = server.url.replace(String(server.port), String(port))
    const pooler = new Pooler(url, child, folder)
    for (let tries = 0; tries < 100; tries++) {
      try {
        await server.ask('SELECT 1', [], url)
        return pooler
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    pooler.dispose()
    throw new Error('the pooler does not answer')
  }

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url
    this.#child = child
    this.#folder = folder
  }

  dispose(): void {
    this.#child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true })
  }
}
