import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresTables } from 'semel/postgres'
import { hasServer, Server } from '../connectors/postgres/server.js'
import { Workspace } from './verbs.js'

describe('semel postgres init', () => {
  it('prints what it would run, and asks nobody', async () => {
    const words = ['postgres', 'init', '--print', '--schema', 'market', '--role', 'app']
    expect(await new Workspace().semel(...words)).toEqual({
      code: 0,
      stdout: postgresTables({ schema: 'market', role: 'app' }),
      stderr: '',
    })
  })

  it.each<[string[], string]>([
    [['postgres'], 'semel postgres: an action is missing; give init, or see semel postgres --help'],
    [
      ['postgres', 'inti'],
      'semel postgres: there is no action "inti", perhaps init; give init, or see semel postgres --help',
    ],
    [
      ['postgres', 'init', '--roles', 'app'],
      'semel postgres init: there is no option --roles, perhaps --role; there are --schema, --role, --print and --help',
    ],
    [
      ['postgres', 'init', 'postgres://db', '--print'],
      'semel postgres init: --print asks no server; leave ADDRESS away, or --print',
    ],
  ])('refuses %j', async (words, message) => {
    expect(await new Workspace().semel(...words)).toEqual({
      code: 2,
      stdout: '',
      stderr: `semel: SEMEL_USAGE: ${message}\n`,
    })
  })

  it('says where nobody listens', async () => {
    const { code, stderr } = await new Workspace().semel(
      'postgres',
      'init',
      'postgres://postgres@127.0.0.1:1/postgres',
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/^semel: SEMEL_UNAVAILABLE: postgres: can't connect: /)
  })
})

describe.skipIf(!hasServer)('semel postgres init, with a server', () => {
  let server: Server
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server?.dispose())

  it('makes the table, and again changes nothing', async () => {
    await server.ask('CREATE ROLE app LOGIN; CREATE SCHEMA market')
    for (let life = 0; life < 2; life++) {
      const words = ['postgres', 'init', server.url, '--schema', 'market', '--role', 'app']
      expect(await new Workspace().semel(...words)).toEqual({
        code: 0,
        stdout: 'semel_commits is there, and app may commit\n',
        stderr: '',
      })
      await server.ask(
        `INSERT INTO market.semel_commits VALUES ('kept', ${life}, 1)`,
        [],
        server.url.replace('postgres@', 'app@'),
      )
    }
    const rows = await server.ask('SELECT shard FROM market.semel_commits')
    expect(rows).toEqual([{ shard: 0 }, { shard: 1 }])
  })

  it('says where this user may not', async () => {
    const { code, stderr } = await new Workspace().semel(
      'postgres',
      'init',
      server.url.replace('postgres@', 'app@'),
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/^semel: SEMEL_SINK: /)
  })
})
