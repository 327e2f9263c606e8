import { describe, expect, test } from 'vitest'
import { offsetBehind, offsetOf, rowsBefore, textOf } from './upstream/offsets.js'
import { Partition } from './upstream/partition.js'

describe('offsets of the group', () => {
  test.each([0, 1])('of partition %d come back from what goes over the wire', (partition) => {
    for (const rows of [0, 1, 2, 1000]) {
      const offset = offsetBehind(rows, partition)
      expect(offsetOf(textOf(offset))).toBe(offset)
      expect(rowsBefore(offset, partition)).toBe(rows)
    }
  })

  test('between two rows are none', () => {
    expect(rowsBefore(BigInt(offsetBehind(3, 1)) - 1n, 1)).toBe(undefined)
    expect(rowsBefore(2n ** 64n, 1)).toBe(undefined)
  })

  test('lie above 64 bits in every other partition', () => {
    expect(offsetBehind(1, 1)).toBeGreaterThan(2n ** 64n)
    expect(offsetBehind(1, 2)).toBe(1)
  })
})

describe('a partition of the group', () => {
  test('gives what is there, and is done when all is safe', () => {
    const partition = begun()
    expect(partition.next()).toEqual([
      [11, '1'],
      [12, '2'],
    ])
    expect(partition.isReady).toBe(false)
    partition.put(1)
    expect(partition.next()).toEqual([
      [13, '3'],
      [14, '4'],
    ])
    expect(partition.told(4)).toBe(undefined)
    expect(partition.isDone).toBe(true)
  })

  test('knows what can not be safe', () => {
    const partition = begun()
    partition.next()
    expect(partition.told(3)).toContain('3 of partition 2 was told safe')
    expect(partition.told(2)).toBe(undefined)
    expect(partition.told(1)).toContain('was told safe')
  })

  test('knows from where it can not be read', () => {
    const partition = begun()
    partition.next()
    partition.told(2)
    partition.give('stream')
    expect(partition.begin(1)).toContain('is to be read from 1')
    expect(partition.begin(5)).toContain('is to be read from 5')
    expect(partition.begin(3)).toBe(undefined)
  })

  test('tells of what its other member takes whether the stream has had it', () => {
    const partition = begun()
    partition.next()
    partition.put(1)
    partition.give('other')
    expect(partition.take(3)).toEqual([
      { id: 11, wasHanded: true },
      { id: 12, wasHanded: true },
      { id: 13, wasHanded: false },
    ])
    partition.give('stream')
    expect(partition.place).toEqual(['partition 2', '3'])
  })
})

/** With two of its four rows there, and read from its start. */
function begun(): Partition<string> {
  const partition = new Partition<string>(2, [11, 12, 13, 14])
  partition.put(0.5)
  partition.give('stream')
  expect(partition.begin(0)).toBe(undefined)
  return partition
}
