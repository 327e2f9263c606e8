import { collect, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'

interface Step {
  readonly id: number
  readonly key: string
}

// A message that has to wait for one of its key comes into a later batch than one from behind it. The
// outputs of a batch were committed with its last message, so the later batch came first, and what it
// had of a key came before what the earlier one had.
test.each(['at-most-once', 'at-least-once'] as const)(
  'a key keeps its order where batches have messages from before and behind each other, %s',
  async (delivery) => {
    const batches: string[] = []
    const together = new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    const steps = pipeline('steps')
      .accepts<Step>()
      .deliver(delivery)
      .keyBy(({ key }) => key)
      .map(async (step) => {
        await together
        return step
      })
      .batch(2, { within: '1s' })
      .flatMap((batch) => {
        batches.push(batch.map(({ id }) => id).join())
        return batch
      })
      .to(memory<Step>())
    const outputs = await collect(steps, [
      { id: 1, key: 'a' },
      { id: 2, key: 'a' },
      { id: 3, key: 'b' },
    ])
    expect(batches).toEqual(['1,3', '2'])
    expect(outputs.map(({ id }) => id)).toEqual([1, 3, 2])
  },
)
