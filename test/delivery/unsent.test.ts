// What the report says of streams to which nothing can be sent.
import { describe, expect, it } from 'vitest'
import { file, fileSource, guarantee, guaranteeText, pipeline } from 'semel'

const rows = pipeline('rows').accepts<{ n: number }>()
const byPosition = rows.deliver('exactly-once', { by: 'position' }).to(file('out.ndjson'))
const byId = rows.deliver('exactly-once', { id: ({ n }) => n, window: '1h' }).to(file('out.ndjson'))

const powerLoss = (durability: 'process' | { interval: number }) =>
  guarantee(byPosition, { journal: false, durability })
    .hops.find(({ hop }) => hop === 'stored')
    ?.encounters.find(({ fault }) => fault === 'power-loss')

describe('the report on a stream that takes sources alone', () => {
  it.each([
    ['by position', () => guarantee(byPosition)],
    ['by position, without a journal', () => guarantee(byPosition, { journal: false })],
    ['by id, without a journal', () => guarantee(byId, { journal: false })],
  ])('begins at the source, %s, and holds through all faults', (_, report) => {
    const { hops, sources, notThrough } = report()
    expect(hops.map(({ hop }) => hop)).toEqual(['source', 'stored', 'processed', 'sink', 'reader'])
    expect(sources).toMatchObject([{ kind: 'replayable', promise: 'exactly-once' }])
    expect(notThrough).toEqual([])
  })

  it('tells that messages are in memory, and where they come from again', () => {
    const report = guarantee(byPosition, { journal: false, sources: [fileSource('in.ndjson')] })
    const text = guaranteeText(report)
    expect(text).toContain('There is no journal')
    expect(text).toContain(
      'file(in.ndjson) (replayable): A reading goes on behind what every shard',
    )
    expect(text).not.toContain('frame in the journal')
    expect(guaranteeText(guarantee(byPosition))).not.toContain('There is no journal')
  })

  it('says what a power loss does below disk', () => {
    expect(powerLoss('process')).toMatchObject({ effect: 'unknown', holds: false })
    expect(powerLoss({ interval: 5 })).toMatchObject({ effect: 'limited', holds: true })
  })
})
