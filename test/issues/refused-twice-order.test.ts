import { fixed, forEach, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small, until } from '../runtime/verbs.js'

class Gate {
  isOpen = false
  #open = (): void => {}
  readonly opened = new Promise<void>((resolve) => {
    this.#open = resolve
  })

  open(): void {
    this.isOpen = true
    this.#open()
  }
}

// A message that the sink had refused was tried again before that was committed, and left its line in
// doing so: a later one of its key, processed in the meantime, was then written before it.
test('a message that its sink refuses is written before the later ones of its key', async () => {
  const refusal = new Gate()
  const rest = new Gate()
  const tries: string[] = []
  const written: string[] = []
  const stream = await opened(
    pipeline('refused')
      .accepts<string>()
      .deliver('at-least-once')
      .keyBy((name) => name.slice(0, 1))
      .retry({ attempts: 3, backoff: fixed(1) })
      .map(async (name, { attempt }) => {
        tries.push(`${name} ${attempt}`)
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
        return name
      })
      .to(
        forEach(async (name: string) => {
          if (name === 'a1' && !refusal.isOpen) {
            await refusal.opened
            throw new Error('refused once')
          }
          if (name === 'b1') await rest.opened
          written.push(name)
        }),
      ),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  await pushAll(stream, ['a1', 'b1'])
  await until(() => tries.includes('b1 1'))
  await pushAll(stream, ['a2'])
  await until(() => tries.includes('a2 1'))
  await pause()
  refusal.open()
  await pause()
  // What was committed by now is nothing: the same attempt would be counted twice.
  expect(tries).not.toContain('a1 2')
  rest.open()
  await stream.drain({ timeout: 5000 })
  expect(written.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2'])
  expect(tries.filter((one) => one.startsWith('a1'))).toEqual(['a1 1', 'a1 2'])
})

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 30)
  })
}
