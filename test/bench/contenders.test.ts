import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { missingOf } from '../../bench/contenders/availability.js'
import { Expected } from '../../bench/contenders/expected.js'
import { root } from '../../bench/contenders/packages.js'
import { contenders } from '../../bench/contenders/registry.js'
import { spread } from '../../bench/contenders/report.js'
import { Daemon } from '../../bench/contenders/servers/daemon.js'
import { answers, freePort } from '../../bench/contenders/servers/ports.js'
import type { Totals } from '../../bench/contenders/tally.js'
import { tradeOf } from '../../bench/contenders/trades.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('the contenders', () => {
  test('are semel and all that it is compared with', () => {
    expect(contenders.map(({ name }) => name)).toEqual([
      'semel, process',
      'semel, disk',
      'piscina',
      'SQLite inbox, NORMAL',
      'SQLite inbox, FULL',
      'LMDB inbox, process',
      'LMDB inbox, disk',
      'Redis Streams',
      'BullMQ',
      'NATS JetStream',
      'RabbitMQ',
      'Kafka',
      'Kafka, transactions',
    ])
  })

  test('say what they were told', () => {
    for (const { settings } of contenders) expect(settings.length).toBeGreaterThan(40)
  })

  test('need just the packages that are installed for them', () => {
    const told = readFileSync(join(root, 'bench', 'contenders', 'package.json'), 'utf8')
    const { dependencies } = JSON.parse(told) as { dependencies: Record<string, string> }
    const needed = new Set(contenders.flatMap(({ packages }) => packages))
    expect([...needed].toSorted()).toEqual(Object.keys(dependencies).toSorted())
  })
})

describe('what is not installed', () => {
  test('is named with the command that installs it: a package', () => {
    const some = { ...contenders[0]!, packages: ['no-such-package'] }
    expect(missingOf(some)).toBe('no no-such-package: npm install --prefix bench/contenders')
  })

  test('is named with the command that installs it: a server', () => {
    vi.stubEnv('PATH', '')
    const servers = contenders.flatMap(({ server }) => (server === undefined ? [] : [server]))
    expect(new Set(servers.map(({ name }) => name))).toEqual(
      new Set(['redis-server', 'nats-server', 'rabbitmq-server', 'kafka']),
    )
    for (const contender of contenders) {
      if (contender.server === undefined) continue
      expect(missingOf(contender)).toContain(contender.server.install)
      expect(contender.server.install).toContain('apt-get install')
    }
  })

  test('is a row of the table and of the JSON, and nothing is measured', () => {
    const dir = mkdtempSync(join(tmpdir(), 'semel-test-'))
    const json = join(dir, 'report.json')
    const script = join(root, 'build', 'js', 'bench', 'contenders', 'run.js')
    const told = ['--contenders', '--smoke', '--only', 'rabbit', '--json', json]
    const output = execFileSync(process.execPath, [script, ...told], { env: { PATH: '' } })
    expect(output.toString()).toMatch(/RabbitMQ .* missing: .*apt-get install rabbitmq-server/)
    const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: object[] }
    expect(results).toHaveLength(1)
    expect(results[0]).toMatchObject({ contender: 'RabbitMQ', durability: 'disk' })
    expect(results[0]).toHaveProperty('missing')
    expect(results[0]).not.toHaveProperty('messagesPerSecond')
    rmSync(dir, { recursive: true })
  })
})

describe('a run', () => {
  test('counts where each message was handled once', () => {
    const expected = new Expected()
    expected.sent(1, 3)
    expect(() => expected.check(sums([3, 1, 2]))).not.toThrow()
    expect(expected.next).toBe(4)
  })

  test.each([
    ['too few', [1, 2]],
    ['too many', [1, 2, 3, 3]],
    ['others', [1, 2, 4]],
  ])('fails where %s were handled', (_, ids) => {
    const expected = new Expected()
    expected.sent(1, 3)
    expect(() => expected.check(sums(ids))).toThrow(/of 3 messages were handled/)
  })

  test('has a median between two in the middle', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 })
  })
})

describe('a server', () => {
  const dirs: string[] = []
  const directory = (): string => {
    dirs.push(mkdtempSync(join(tmpdir(), 'semel-test-')))
    return dirs.at(-1)!
  }
  afterEach(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
  })

  test('listens when it is used, and is gone when it was stopped', async () => {
    const port = await freePort()
    const server = await new Daemon('some', directory(), listening(port)).listening(port)
    expect(await answers(port)).toBe(true)
    await server.stop()
    expect(await answers(port)).toBe(false)
  })

  test('that ends at once is told of with its last words', async () => {
    const said = "console.error('no room'); process.exit(3)"
    const server = new Daemon('some', directory(), [process.execPath, '-e', said])
    await expect(server.listening(await freePort())).rejects.toThrow(/some ended at once.*no room/s)
  })

  test('that does not exist is told of', async () => {
    const server = new Daemon('some', directory(), [join(root, 'no-such-program')])
    await expect(server.listening(await freePort())).rejects.toThrow(/some ended at once/)
  })

  test('is started by no check: they run the smoke version of our own bench', () => {
    const check = join(root, '.ci', 'run')
    expect(existsSync(check)).toBe(true)
    expect(readFileSync(check, 'utf8')).not.toContain('--contenders')
  })
})

/** What the handlers come to with these. */
function sums(ids: readonly number[]): Totals {
  const trades = ids.map(tradeOf)
  return {
    handled: ids.length,
    sum: trades.reduce((sum, { price, size }) => sum + price * size, 0),
  }
}

function listening(port: number): [string, ...string[]] {
  const program = `require('net').createServer().listen(${port}, '127.0.0.1')`
  return [process.execPath, '-e', program]
}
