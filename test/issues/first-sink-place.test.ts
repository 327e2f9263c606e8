import { join } from 'node:path'
import { file, pipeline, type Sink } from 'semel'
import { inspectDirectory } from 'semel/directory'
import { expect, test } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

// The place where a new sink stands was on its way to the disk when the first outputs were written. A
// power loss could keep those and lose the place: they were taken for somebody else's, and came again.
test('the first place of a sink is on the disk before its first outputs', async () => {
  const dir = scratch()
  const data = join(dir, 'data')
  const places: (number | undefined)[] = []
  const to = file(join(dir, 'out.ndjson'))
  const watched: Sink<unknown, 'rewindable'> = {
    ...to,
    async connect(context) {
      const connection = await to.connect(context)
      const write = connection.write.bind(connection)
      connection.write = (outputs, position) => {
        places.push(inspectDirectory(data).shards[0]?.sinkPlace)
        return write(outputs, position)
      }
      return connection
    },
  }
  const stream = await opened(
    pipeline('first')
      .accepts<{ id: number }>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
      .to(watched),
    { ...small, dir: data, workers: 0 },
  )
  stream.push({ id: 1 })
  await stream.drain({ timeout: 5000 })
  expect(places[0]).toBe(0)
})
