import { frames, at, pipeline, forEach } from 'semel'
import { describe, expect, it } from 'vitest'
import { feedOf } from '../../src/measure/subject/feed.js'
import { replay } from '../../src/measure/subject/replay.js'
import { subjectGraph } from '../../src/measure/subject/subject.js'
import { requireGraph, type Definition } from '../../src/pipeline/graph.js'

const sink = forEach(() => {}, { idempotent: true })

function feed(definition: Definition<never>, messages: readonly unknown[]) {
  return feedOf(subjectGraph(requireGraph(definition, 'test'), 'exactly-once'), messages)
}

const numbered = <I>(): Definition<never> =>
  pipeline('numbered')
    .accepts<{ id: I }>()
    .deliver('exactly-once', { id: (message) => message.id as never, window: '1h' })
    .to(sink) as never

/** The ids under which a sample goes in, round by round. */
function idsOf(ids: readonly (number | string | bigint)[], rounds: number): unknown[][] {
  const messages = feed(
    numbered(),
    ids.map((id) => ({ id })),
  )
  return Array.from({ length: rounds }, () =>
    ids.map(() => replay.id((messages.next() as { id: number }).id)),
  )
}

const frame = (id: bigint): Uint8Array => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setBigUint64(8, id, true)
  return bytes
}

describe('a sample that goes round and round', () => {
  it('has numbers as ids that are new in each round, and copies stay copies', () => {
    expect(idsOf([7, 9, 7], 3)).toEqual([
      [7, 9, 7],
      [10, 12, 10],
      [13, 15, 13],
    ])
  })

  it('has ids of the kind of its own', () => {
    expect(idsOf(['a', 'b'], 2)).toEqual([
      ['a', 'b'],
      ['a~1', 'b~1'],
    ])
    expect(idsOf([5n, 6n], 2)).toEqual([
      [5n, 6n],
      [7n, 8n],
    ])
    expect(idsOf([-3, 4], 2).flat()).toEqual([-3, 4, 5, 12])
  })

  it('has texts where numbers would not be exact any more', () => {
    const [, second] = idsOf([1, Number.MAX_SAFE_INTEGER], 2)
    expect(second).toEqual(['1~1', `${Number.MAX_SAFE_INTEGER}~1`])
  })

  it('moves the numbers of producers on, in one epoch', () => {
    const messages = feed(
      pipeline('produced')
        .accepts<{ epoch: number; number: number }>()
        .deliver('exactly-once', {
          producer: ({ epoch, number }) => ({ id: 'till', epoch, sequence: number }),
        })
        .to(sink) as never,
      [
        { epoch: 3, number: 10 },
        { epoch: 4, number: 12 },
      ],
    )
    const sequences = Array.from({ length: 4 }, () => {
      const { epoch, number } = messages.next() as { epoch: number; number: number }
      return replay.produced({ id: 'till', epoch, sequence: number })
    })
    expect(sequences.map(({ sequence }) => sequence)).toEqual([10, 12, 13, 15])
    expect(new Set(sequences.map(({ epoch }) => epoch))).toEqual(new Set([4]))
  })

  it('writes new ids into frames that carry them', () => {
    const raw = feed(
      pipeline('raw')
        .accepts(frames({ size: 16 }))
        .deliver('exactly-once', { id: at(8), window: '1h' })
        .to(sink) as never,
      [frame(3n), frame(2n ** 40n), frame(3n)],
    )
    const seen = new Map<bigint, number>()
    for (let blocks = 0; blocks < 6; blocks++) {
      const block = raw.frames?.next() as Uint8Array
      for (let from = 0; from < block.length; from += 16) {
        const id = new DataView(block.buffer, block.byteOffset + from + 8).getBigUint64(0, true)
        seen.set(id, (seen.get(id) ?? 0) + 1)
      }
    }
    // One of three is a copy, in every round.
    expect([...new Set(seen.values())].toSorted()).toEqual([1, 2])
    const twice = [...seen.values()].filter((times) => times === 2).length
    expect(twice).toBeGreaterThan(500)
    expect(Math.abs(seen.size - 2 * twice)).toBeLessThan(2)
  })
})

it('a delivery that is not its own, and needs no ids, is measured without them', () => {
  const graph = requireGraph(numbered(), 'test')
  expect(subjectGraph(graph, 'at-most-once').deliver.id).toBeUndefined()
  expect(subjectGraph(graph, 'exactly-once').deliver.id).toBeDefined()
  const own = pipeline('own')
    .accepts<{ id: number }>()
    .deliver('at-least-once', { id: (message) => message.id, window: '1h' })
    .to(sink)
  expect(subjectGraph(requireGraph(own, 'test'), 'at-least-once').deliver.id).toBeDefined()
})
