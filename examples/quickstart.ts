// The smallest whole program: define, open, send, see the result, close.
//   node build/js/examples/quickstart.js
import { file, open, pipeline } from 'semel'

const dir = process.argv[2] ?? './data/quickstart'

const totals = pipeline('totals')
  .accepts<{ id: number; pieces: number; price: number }>()
  .deliver('exactly-once', { id: (order) => order.id, window: '24h' })
  .map(({ id, pieces, price }) => ({ id, total: pieces * price }))
  .to(file(`${dir}/totals.ndjson`))

// It runs on this thread (workers: 0); worker threads import a definition from a module of its own.
const stream = await open(totals, { dir: `${dir}/stream`, workers: 0, acknowledge: 'processed' })
for (let time = 1; time <= 2; time++) {
  const end = await stream.send({ id: 1, pieces: 3, price: 5 }) // the second one is a copy
  console.log(end.outcome === 'processed' ? `processed ${end.result.total}` : end.outcome)
}
await stream.close()
