import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { advise, type Advice } from 'semel/advise'
import { describe, expect, it } from 'vitest'
import { readAdviseOptions } from '../../src/cli/advise/advise-options.js'
import { Workspace } from './verbs.js'

const figures = (cpu: string) =>
  JSON.stringify({
    machine: { cpu, cores: 2 },
    date: '2026-11-21T10:00:00.000Z',
    results: [
      {
        case: 'object exactly-once disk',
        delivery: 'exactly-once',
        acknowledge: 'batched',
        durability: 'disk',
        message: 'object',
        messagesPerSecond: { median: 1_920_000, min: 1_560_000, max: 2_150_000 },
      },
    ],
  })

describe('semel advise', () => {
  it('tells what to choose, why, what to write, and what was rejected', async () => {
    const workspace = new Workspace()
    workspace.write('figures.json', figures('A processor of another machine'))
    expect(
      await workspace.line(
        'advise --loss none --duplicates none --rate 500/s --latency 200ms --figures figures.json',
      ),
    ).toEqual({
      code: 0,
      stderr: '',
      stdout: `exactly-once, acknowledged when processed, durability disk

delivery        exactly-once
                None may be lost, and none may count twice: id, outcome and outputs are one commit,
                and copies are known by their id.
acknowledgment  processed
                There is time to wait for the outcome at 500/s: the sender learns what became of its
                message, and has nothing to look after later.
durability      disk
                An answer is given after the write and the sync that cover it, and so survives a
                power loss.

write           .deliver('exactly-once', { id: (message) => message.id, window: '24h' })
                .to(file('out.ndjson'))
                open(module, { dir: './data', durability: 'disk', acknowledge: 'processed' })

asks of you     Give every message an id that its copies share, and a window that is longer than any
                sender goes on sending again.
                Take a sink that can be cut back, such as file, or declare forEach(handler, {
                idempotent: true }); what a handler does elsewhere needs the id as an idempotency
                key.
                Without an answer send the same message again: unknown is not failed.
                Use a device that honours a flush: disk is worth what fdatasync is worth on it.

measured        1,920,000 messages/s (1,560,000 to 2,150,000) with one sender and one worker: object
                exactly-once disk, acknowledged when batched, 2026-11-21, on another machine than
                this (A processor of another machine)

rejected        at-most-once: It loses what is in flight at a crash, and drops what fails.
                at-least-once: After a crash it processes some messages again, and neither handler
                nor sink was said to be idempotent.
                stored: It answers before the outcome is known; take it where work is accepted now
                and done later.
                batched: Too few come at 500/s for batches to save much.
                process: A power loss may take what has a receipt already.
                interval: Its answers survive a power loss too, but wait for the next sync of the
                interval.
`,
    })
  })

  it('says of a figure of this machine nothing of another, and of none how to get one', async () => {
    const workspace = new Workspace()
    workspace.write('figures.json', figures(cpus()[0]?.model ?? ''))
    const words = 'advise --loss none --duplicates none --figures figures.json'
    expect((await workspace.line(words)).stdout).toMatch(/batched, 2026-11-21\n/)
    expect((await workspace.line('advise --loss some --duplicates some')).stdout).toContain(
      '\nmeasured        no figure: semel bench --json FILE measures this machine, and --figures FILE reads\n                it\n',
    )
  })

  it('says what excludes each other and what comes nearest, and exits with 1', async () => {
    const { code, stdout, stderr } = await new Workspace().line(
      'advise --loss none --duplicates some --latency 50us',
    )
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout.split('\n').slice(0, 9)).toEqual([
      'nearest: at-least-once, acknowledged when stored, durability disk',
      '',
      'not all at once An answer within 50 µs and the survival of a power loss exclude each other: at disk',
      '                it waits for the sync under way and for its own, and one takes about 100 µs on a',
      '                fast drive.',
      "nearest         durability 'disk' with an answer in about 200 µs at the median and some milliseconds",
      "                at p99, which is what is advised here; or --power-loss no: durability 'process'",
      '                answers in microseconds and survives kill -9.',
      '',
    ])
  })

  it('gives one JSON object for programs', async () => {
    const { code, stdout } = await new Workspace().line(
      'advise --json --loss none --duplicates none --idempotent --power-loss no --rate 20000',
    )
    expect(code).toBe(0)
    const advice = JSON.parse(stdout) as Advice
    expect(advice).toMatchObject({
      needs: { ...advice.needs, ratePerSecond: 20_000, idempotent: true, powerLoss: 'no' },
      delivery: { choice: 'at-least-once' },
      acknowledgment: { choice: 'batched' },
      durability: { choice: 'process' },
      conflicts: [],
      figure: null,
    })
  })

  it('refuses a file that holds no figures', async () => {
    const workspace = new Workspace()
    workspace.write('figures.json', '{"results":[]}')
    const words = 'advise --loss none --duplicates none --figures'
    expect(await workspace.line(`${words} figures.json`)).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'semel: SEMEL_FIGURES: figures.json is no file of figures: none of its results has a delivery, a durability and messagesPerSecond; make one with semel bench --json FILE\n',
    })
    const { code, stderr } = await workspace.line(`${words} none.json`)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^semel: SEMEL_FIGURES: can't read the figures none\.json: ENOENT.*; check the path\n$/,
    )
  })
})

describe('docs/guide/choosing.md', () => {
  const text = readFileSync(new URL('../../docs/guide/choosing.md', import.meta.url), 'utf8')
  const examples = (text.split('## Worked examples')[1] as string).split('\n### ').slice(1)

  it.each(examples.map((example) => [example.split(/[:\n]/)[0] as string, example]))(
    'chooses for %s what the command does',
    (_, example) => {
      const words = /^ {4}npx semel advise (.*)$/m.exec(example)?.[1] as string
      const options = readAdviseOptions(words.split(' '))
      if (options === 'help') throw new Error(words)
      const { delivery, acknowledgment, durability, conflicts } = advise(options.needs)
      expect(conflicts).toEqual([])
      expect(example).toContain(`- **Delivery: ${delivery.choice}`)
      expect(example).toContain(`- **Durability: \`${durability.choice as string}\``)
      expect(example).toMatch(/\*\*Acknowledgment: (?:`processed`|`stored`|none)\.\*\*/)
      expect(example).toContain(`\`${acknowledgment.choice}\``)
    },
  )
})
