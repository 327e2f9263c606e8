import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** Where PostgreSQL's programs are, along PATH or where Debian has them, by version; or in this folder. */
export function findPrograms(folder?: string): string | undefined {
  const folders = folder === undefined ? usualFolders() : [folder]
  return folders.find((one) => existsSync(join(one, 'initdb')))
}

function usualFolders(): string[] {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a))
  return [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...newestFirst.map((version) => join(debian, version, 'bin')),
  ]
}

const startingMsMax = 30_000

/** A server on loopback, in a folder of its own that goes with it. */
export class OwnPostgres {
  readonly url: string
  readonly #folder: string
  readonly #child: ChildProcess

  static async start(programs: string): Promise<OwnPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'semel-payments-'))
    chmodSync(folder, 0o700)
    // It refuses to be root.
    const owner = process.getuid?.() === 0 ? ownerOf('postgres') : undefined
    if (owner !== undefined) chownSync(folder, owner.uid, owner.gid)
    const data = join(folder, 'data')
    execFileSync(
      join(programs, 'initdb'),
      ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale', 'C', '--no-sync'],
      { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const port = await freePort()
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'shared_buffers=32MB']
    const child = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-k', folder, ...settings.flatMap((setting) => ['-c', setting])],
      { ...owner, cwd: folder, stdio: 'ignore' },
    )
    const server = new OwnPostgres(port, folder, child)
    await server.#answers()
    return server
  }

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
    this.#folder = folder
    this.#child = child
    process.once('exit', () => child.kill('SIGQUIT'))
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #answers(): Promise<void> {
    for (const untilMs = Date.now() + startingMsMax; ; await sleep(20)) {
      const client = new Client(this.url)
      client.on('error', () => {})
      try {
        await client.connect()
        await client.end()
        return
      } catch (error) {
        if (this.#child.exitCode !== null || Date.now() > untilMs) throw error
      }
    }
  }
}

function ownerOf(name: string): { readonly uid: number; readonly gid: number } {
  const [uid, gid] = ['-u', '-g'].map((which) => Number(execFileSync('id', [which, name])))
  return { uid: uid as number, gid: gid as number }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
