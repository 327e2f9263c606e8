// Checked by the compiler (npm run test:types), and run as well.
import { expectTypeOf, it } from 'vitest'
import { file } from '../../src/connectors/file/sink/sink.js'
import { outputs } from '../../src/connectors/outputs/sink.js'
import type { Definition } from '../../src/pipeline/graph.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import type { WithOutputs } from '../../src/runtime/outputs/outputs-loop.js'
import { collect } from '../../src/runtime/stream/collect.js'
import { guarantee } from '../../src/runtime/stream/guarantee.js'
import { open } from '../../src/runtime/stream/open.js'
import type { Stream } from '../../src/runtime/stream/stream.js'

interface Trade {
  id: number
}

interface Bar {
  close: number
}

const notRun = (_make: () => unknown): void => {}

const trades = pipeline('bars')
  .accepts<Trade>()
  .deliver('at-least-once')
  .map(({ id }): Bar => ({ close: id }))

const read = trades.to(outputs())
const written = trades.to(file('out.ndjson'))
const configured = pipeline(import.meta, 'configured', (p, { scale }: { scale: number }) =>
  p
    .accepts<Trade>()
    .deliver('at-most-once')
    .map(({ id }): Bar => ({ close: id * scale }))
    .to(outputs<Bar>()),
)

it('a stream has a loop over its outputs where its pipeline ends with outputs()', () => {
  notRun(async () => {
    expectTypeOf(open(read, { acknowledge: 'processed' })).resolves.toEqualTypeOf<
      Stream<Trade, Bar, 'processed'> & WithOutputs<Bar>
    >()
    const stream = await open(configured, { config: { scale: 2 } })
    for await (const output of stream.outputs({ signal: AbortSignal.timeout(1) })) {
      expectTypeOf(output).toEqualTypeOf<Bar>()
    }
    const found = await open<Trade, Bar, unknown, 'outputs'>('bars.js')
    for await (const output of found.outputs()) expectTypeOf(output).toEqualTypeOf<Bar>()
  })
})

it('and no other has', () => {
  notRun(async () => {
    const stream = await open(written)
    expectTypeOf(stream).toEqualTypeOf<Stream<Trade, Bar, 'stored'>>()
    // @ts-expect-error its sink is a file
    stream.outputs()
    // @ts-expect-error a module's URL does not say so
    ;(await open<Trade, Bar>('bars.js')).outputs()
  })
})

it('takes what the operators put out, and no exactly-once', () => {
  notRun(() => {
    // @ts-expect-error they are bars
    trades.to(outputs<string>())
    const known = { id: ({ id }: Trade) => id, window: '1h' } as const
    // @ts-expect-error it is repeatable
    pipeline('once').accepts<Trade>().deliver('exactly-once', known).to(outputs())
  })
})

it('goes where any definition goes', () => {
  expectTypeOf(read).toExtend<Definition<Trade, Bar>>()
  notRun(() => {
    expectTypeOf(collect(read, [{ id: 1 }])).resolves.toEqualTypeOf<Bar[]>()
    guarantee(read, {})
    guarantee(configured, { config: { scale: 1 } })
  })
})
