import { join } from 'node:path'
import { expect, test } from 'vitest'
import { noMount, Setting, SmallDisk, startScript } from '../faults/disk/verbs.js'

// A worker thread that was terminated just when a native call had an error for it could run no
// JavaScript any more, not even the error's constructor, and the whole process was aborted.
test.skipIf(noMount !== undefined)(
  `a stream that fails while it is being closed does not abort the process${noMount ? ` (${noMount})` : ''}`,
  async () => {
    const disk = new SmallDisk('size=64m')
    const under = new Setting({
      data: join(disk.path, 'data'),
      to: join(new SmallDisk('size=64m').path, 'out.ndjson'),
      workers: 2,
      fails: 3,
    })
    const program = under.send({ pad: 2000 })
    await program.lines(300)
    await under.killed(program)
    disk.fill()
    const { code, signal, stderr } = await startScript(`
      import { open } from 'semel'
      for (let round = 0; round < 12; round++) {
        const opening = open(new URL(${JSON.stringify(under.url.href)}), ${JSON.stringify(under.options)})
        const stream = await opened(opening)
        await stream?.close({ timeout: 10 * (round % 6) }).catch(() => {})
      }
      function opened(opening) {
        return opening.catch(() => {})
      }`).ended
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    disk.free()
    await under.expectNothingLost()
  },
)
