import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { passing, Workspace } from './verbs.js'

const runOptions =
  '--source, --format, --last-line, --config, --dir, --shards, --workers, --durability, --no-journal, --delivery, --waiting, --heartbeat, --worker-memory, --close-timeout, --max-dead-letters, --explain, --json and --help'

describe('a command line that is wrong', () => {
  it.each<[string[], string]>([
    [
      [],
      'a command is missing; give run, inspect, dead-letters, verify, repair, bench, advise or postgres, or see semel --help',
    ],
    [
      ['rnu'],
      'there is no command "rnu", perhaps run; give run, inspect, dead-letters, verify, repair, bench, advise or postgres, or see semel --help',
    ],
    [
      ['--jsn'],
      'there is no option --jsn; give run, inspect, dead-letters, verify, repair, bench, advise or postgres, or see semel --help',
    ],
    [
      ['run'],
      'semel run: MODULE is missing; give the path of a module that exports a pipeline, or MODULE#NAME',
    ],
    [
      ['run', 'm.mjs', '--sources', 'a'],
      `semel run: there is no option --sources, perhaps --source; there are ${runOptions}`,
    ],
    [['run', 'm.mjs', '-x'], `semel run: there is no option -x; there are ${runOptions}`],
    [
      ['run', 'm.mjs', 'a.csv'],
      'semel run: "a.csv" is one argument too many; leave it away, or give it behind --source where it is a source',
    ],
    [
      ['run', 'm.mjs', '--source', 'a', '--json', 'b'],
      'semel run: "b" is one argument too many; leave it away, or give it behind --source where it is a source',
    ],
    [['run', 'm.mjs', '--dir'], 'semel run: --dir needs a value; give --dir DIR'],
    [['run', 'm.mjs', '--dir', '--json'], 'semel run: --dir needs a value; give --dir DIR'],
    [['run', 'm.mjs', '--dir='], 'semel run: --dir needs a value; give --dir DIR'],
    [['run', 'm.mjs', '--dir', 'a', '--dir', 'b'], 'semel run: --dir is given twice; give it once'],
    [['run', 'm.mjs', '--json=1'], 'semel run: --json takes no value; leave it away'],
    [
      ['run', 'm.mjs', '--shards', '0'],
      '--shards: "0" is out of bounds; give a whole number, 1 or more',
    ],
    [
      ['run', 'm.mjs', '--workers', '1.5'],
      '--workers: "1.5" is out of bounds; give a whole number, 0 or more',
    ],
    [
      ['run', 'm.mjs', '--durability', 'interval:0'],
      '--durability: "interval:0" is unknown; choose memory, process, disk or interval:MS, such as interval:100',
    ],
    [
      ['run', 'm.mjs', '--delivery', 'once'],
      '--delivery: "once" is unknown; choose at-most-once, at-least-once or exactly-once',
    ],
    [
      ['run', 'm.mjs', '--waiting', 'long'],
      '--waiting: "long" is unknown; choose spin, balanced or park',
    ],
    [
      ['run', 'm.mjs', '--close-timeout', '25000d'],
      `--close-timeout: "25000d" is out of bounds; give at most '24d'`,
    ],
    [
      ['run', 'm.mjs', '--close-timeout', 'soon'],
      `--close-timeout: "soon" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      ['run', 'm.mjs', '--heartbeat', 'never'],
      `--heartbeat: "never" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      ['run', 'm.mjs', '--worker-memory', '1GB'],
      `--worker-memory: "1GB" is not a size; give bytes or a text such as '64KiB', '16MiB' or '1GiB'`,
    ],
    [['inspect'], "semel inspect: DIR is missing; give a stream's directory"],
    [['inspect', 'a', 'b'], 'semel inspect: "b" is one argument too many; leave it away'],
    [
      ['inspect', 'a', '--dir'],
      'semel inspect: there is no option --dir; there are --json and --help',
    ],
    [['verify'], "semel verify: DIR is missing; give a stream's directory"],
    [['repair'], 'semel repair: DIR is missing; give the directory of a closed stream'],
    [
      ['repair', 'a', '--yes', '--dry-run'],
      'semel repair: --yes and --dry-run exclude each other; give one of them',
    ],
    [
      ['repair', 'a', '--json'],
      'semel repair: --json can not ask; give --yes or --dry-run with it',
    ],
    [['advise'], 'semel advise: --loss is missing; give --loss none or --loss some'],
    [
      ['advise', '--loss', 'none'],
      'semel advise: --duplicates is missing; give --duplicates none or --duplicates some',
    ],
    [['advise', '--loss', 'all'], '--loss: "all" is unknown; choose none or some'],
    [
      ['advise', '--rate', 'fast'],
      '--rate: "fast" is no rate; give messages a second, such as 500/s or 100000/s',
    ],
    [
      ['advise', '--rate', '0/s'],
      '--rate: "0/s" is no rate; give messages a second, such as 500/s or 100000/s',
    ],
    [
      ['advise', '--latency', '0'],
      '--latency: "0" is no bound; give a time such as 200ms or 500us',
    ],
    [
      ['advise', '--latency', 'soon'],
      `--latency: "soon" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [['advise', '--power-loss', 'yes'], '--power-loss: "yes" is unknown; choose survive or no'],
    [['advise', 'now'], 'semel advise: "now" is one argument too many; leave it away'],
    [
      ['advise', '--latencies', '1'],
      'semel advise: there is no option --latencies; there are --loss, --duplicates, --rate, --latency, --idempotent, --power-loss, --figures, --json and --help',
    ],
  ])('semel %j says what and the remedy, and exits with 2', async (words, message) => {
    const ended = await new Workspace().semel(...words)
    expect(ended).toEqual({ code: 2, stdout: '', stderr: `semel: SEMEL_USAGE: ${message}\n` })
  })

  it('has nothing to read', async () => {
    const workspace = new Workspace()
    workspace.module('m.mjs', passing)
    expect(await workspace.semel('run', 'm.mjs')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'semel: SEMEL_USAGE: m.mjs: there is nothing to read; give --source FILE, or export function source(files) from the module\n',
    })
  })
})

describe('help and version', () => {
  it('go to standard output, and exit with 0', async () => {
    const workspace = new Workspace()
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string }
    expect(await workspace.semel('--version')).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    })
    for (const words of [
      ['--help'],
      ['-h'],
      ['run', '--help'],
      ['run', '-h'],
      ['inspect', '-h'],
      ['verify', '-h'],
      ['repair', '-h'],
      ['advise', '-h'],
      ['postgres', '-h'],
      ['postgres', 'init', '--help'],
    ]) {
      const { code, stdout, stderr } = await workspace.semel(...words)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^Usage: semel .*$/m)
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  it('say of each option what it does, and whose counters those of run are', async () => {
    const { stdout } = await new Workspace().semel('run', '--help')
    for (const option of runOptions.split(/, | and /))
      expect(stdout).toContain(`  ${option} `.trim())
    expect(stdout).toContain('The counters at the end are those of this run')
  })
})
