import { setTimeout as sleep } from 'node:timers/promises'
import { forEach, pipeline } from 'semel'
import { test, vi } from 'vitest'
import type { Addon } from '../../src/native/addon.js'
import { opened, scratch } from '../runtime/verbs.js'

// The one that the streams of this process call.
const { addon } = (await import(new URL('../../dist/native/addon.js', import.meta.url).href)) as {
  addon: () => Addon
}

// The group that made a stream's first message durable could be over before the stream asked to be told
// of it: nothing looked for the message until the next one came.
test('a lone message is processed inline, however fast its group was', async () => {
  const { wantNotice } = addon()
  vi.spyOn(addon(), 'wantNotice').mockImplementation((handle) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    wantNotice(handle)
  })
  // Of several: while the code is cold, the group may be over before the first look.
  for (let n = 0; n < 5; n++) {
    const stream = await opened(
      pipeline('lone')
        .accepts<number>()
        .deliver('at-least-once')
        .to(forEach(() => {})),
      { dir: scratch(), durability: 'disk', workers: 0, acknowledge: 'processed' },
    )
    await sleep(5)
    await stream.send(n, { timeout: 5000 })
  }
  vi.restoreAllMocks()
})
