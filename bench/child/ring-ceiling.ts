/**
 * The ceiling of raw messages: the bare ring between two native threads.
 * @internal
 */
import { execFileSync } from 'node:child_process'
import { answer } from 'semel/measure'
import { nativeProgram } from './native-program.js'

await answer(() => {
  const program = nativeProgram('ring_bench')
  if (program === undefined) throw new Error('it is not built: npm run build:bench')
  const output = execFileSync(program, { encoding: 'utf8', timeout: 60_000 })
  const ns = Number(/(?<ns>\d+\.\d+)\s*$/.exec(output)?.groups?.['ns'])
  return { perSecond: [Math.round(1e9 / ns)] }
})
