// Checked by the compiler (npm run test:types), and run as well.
import { describe, expectTypeOf, it } from 'vitest'
import { memory } from '../../src/connectors/memory/sink.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import type { Definition } from '../../src/pipeline/graph.js'
import { guarantee } from '../../src/runtime/stream/guarantee.js'
import { open } from '../../src/runtime/stream/open.js'
import type { Stream } from '../../src/runtime/stream/stream.js'

interface Trade {
  id: number
}

interface Bar {
  close: number
}

interface Settings {
  scale: number
  note?: string
}

const notRun = (_make: () => unknown): void => {}

const bars = pipeline(import.meta, 'bars', (p) =>
  p
    .accepts<Trade>()
    .deliver('at-most-once')
    .map(({ id }): Bar => ({ close: id }))
    .to(memory<Bar>()),
)

const scaled = pipeline(import.meta, 'scaled', (p, { scale }: Settings) => {
  const one = p.resource(async () => ({ factor: 1 }))
  return p
    .accepts<Trade>()
    .deliver('at-most-once')
    .map(({ id }): Bar => ({ close: id * scale * one.value.factor }))
    .to(memory<Bar>())
})

describe('a definition with a home', () => {
  it('knows messages, results and its configuration', () => {
    expectTypeOf(bars).toEqualTypeOf<Definition<Trade, Bar>>()
    expectTypeOf(scaled).toEqualTypeOf<Definition<Trade, Bar, Settings>>()
  })

  it('is opened with what it asks for, and with nothing else', () => {
    notRun(() => {
      expectTypeOf(open(bars)).resolves.toEqualTypeOf<Stream<Trade, Bar, 'stored'>>()
      expectTypeOf(open(scaled, { config: { scale: 2 } })).resolves.toEqualTypeOf<
        Stream<Trade, Bar, 'stored'>
      >()
      expectTypeOf(
        open(scaled, { acknowledge: 'processed', config: { scale: 2 } }),
      ).resolves.toEqualTypeOf<Stream<Trade, Bar, 'processed'>>()
      // @ts-expect-error it is missing
      void open(scaled)
      // @ts-expect-error it is missing
      void open(scaled, { dir: 'data' })
      // @ts-expect-error of another type
      void open(scaled, { config: { scale: '2' } })
      // @ts-expect-error there is none to be given
      void open(bars, { config: { scale: 2 } })
      guarantee(scaled, { config: { scale: 1 } })
      // @ts-expect-error it is missing
      guarantee(scaled)
    })
  })

  it('by URL is given whatever its module asks for', () => {
    notRun(() => open<Trade>(new URL('p.js', import.meta.url), { config: { scale: 2 } }))
  })
})
