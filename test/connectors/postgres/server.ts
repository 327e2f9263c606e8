import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'

/** Where the server's programs are: Debian keeps them apart, by version. */
function programs(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => join(debian, version, 'bin')),
  ]
  const needed = ['initdb', 'postgres', 'pg_basebackup']
  return folders.find((folder) => needed.every((name) => existsSync(join(folder, name))))
}

const bin = programs()

/** False, and said loudly: what needs a server has not been tested. */
export const hasServer = bin !== undefined
if (!hasServer) {
  process.stderr.write(
    '\n*** PostgreSQL is not installed: the tests of semel/postgres are SKIPPED; apt-get install postgresql ***\n\n',
  )
}

/** The server refuses to be root: it is whoever is made for it, or nobody. */
export function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = ['-u', '-g'].map((which) => Number(execFileSync('id', [which, name])))
      return { uid: uid as number, gid: gid as number }
    } catch {
      // There is none of this name.
    }
  }
  throw new Error('the server can not be root, and there is neither postgres nor nobody')
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A folder that the server's user may write to. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'semel-pg-'))
  chmodSync(folder, 0o700)
  const by = owner()
  if (by !== undefined) chownSync(folder, by.uid, by.gid)
  return folder
}

/** So long a server may recover, on a machine that has other things to do. */
const startMsMax = 20_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGQUIT')
})

/** A server of a test file's own, on loopback, in a folder that goes with it. */
export class Server {
  readonly port: number
  readonly folder: string
  #child: ChildProcess | undefined

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
    const server = new Server(await freePort(), serverFolder())
    execFileSync(
      join(bin as string, 'initdb'),
      ['-D', server.data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8'],
      { ...owner(), env: { ...process.env, LC_ALL: 'C.UTF-8' }, cwd: server.folder },
    )
    await server.run(settings)
    return server
  }

  /** A standby of it, on a port of its own, that takes what it commits; by the name walreceiver. */
  async standby(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
    const standby = new Server(await freePort(), serverFolder())
    await promisify(execFile)(
      join(bin as string, 'pg_basebackup'),
      ['-D', standby.data, '-d', this.url, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'],
      { ...owner(), cwd: standby.folder },
    )
    await standby.run(settings)
    return standby
  }

  private constructor(port: number, folder: string) {
    this.port = port
    this.folder = folder
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  get data(): string {
    return join(this.folder, 'data')
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`
  }

  /** Runs it again, on what is there. */
  async run(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const given = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: this.folder,
      fsync: 'off',
      max_connections: '40',
      shared_buffers: '16MB',
      ...settings,
    }
    const words = Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(bin as string, 'postgres'), ['-D', this.data, ...words], {
      ...owner(),
      cwd: this.folder,
      stdio: 'ignore',
    })
    this.#child = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    const until = performance.now() + startMsMax
    for (;;) {
      try {
        await this.ask('SELECT 1')
        return
      } catch (thrown) {
        if (performance.now() > until || child.exitCode !== null) throw thrown
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** As `pg_ctl stop -m immediate`: it writes nothing down. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGQUIT')
    await ended
  }

  /** A standby becomes a primary. */
  async promote(): Promise<void> {
    await this.ask('SELECT pg_promote()')
  }

  async dispose(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Over a connection of its own. */
  async ask(
    sql: string,
    values: readonly unknown[] = [],
    url = this.url,
  ): Promise<Record<string, unknown>[]> {
    const client = new Client(url)
    client.on('error', () => {})
    await client.connect()
    try {
      const result = await client.query(sql, values as unknown[])
      const last = Array.isArray(result) ? (result.at(-1) as { rows: unknown[] }) : result
      return last.rows as Record<string, unknown>[]
    } finally {
      await client.end()
    }
  }
}
