import { at, forEach, frames, pipeline } from 'semel'

const { searchParams } = new URL(import.meta.url)
const size = Number(searchParams.get('bytes'))
const maxIds = Number(searchParams.get('maxIds') ?? 2 ** 27)
/** Short, so that a long run shows the index as it is in use and not as it fills. */
const window = searchParams.get('window') ?? '200ms'

/** Raw messages of so many bytes; the id is in the first eight. */
export default pipeline('raw')
  .accepts(frames({ size }))
  .deliver('exactly-once', { id: at(0), window, maxIds, whenFull: 'shorten-window' })
  .map((frame) => frame.u32(8))
  .to(forEach(() => {}, { idempotent: true, name: 'nothing' }))
