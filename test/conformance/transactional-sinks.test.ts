import * as vitest from 'vitest'
import { describeTransactionalSink, memoryTransactional } from 'semel/testing'

const rejects = (output: unknown): string | undefined =>
  output === 'refused' ? 'it is poison' : undefined

for (const commitsMax of [1, 2, 7]) {
  describeTransactionalSink(vitest, {
    name: `in memory, ${commitsMax} under way`,
    async create() {
      const store = await memoryTransactional({ rejects, commitsMax })
      return {
        sink: store.sink,
        read: () => store.outputs(),
        refused: { output: 'refused' },
        dispose: () => store.close(),
      }
    },
    rejects: true,
    pipelines: commitsMax > 1 ? true : { skip: 'one at a time was asked for' },
  })
}
