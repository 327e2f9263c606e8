import { guaranteeOf, guaranteeOfClasses, type Guarantee } from '../../delivery/guarantee.js'
import type { Definition } from '../../pipeline/graph.js'
import type { OpenOptions } from '../settings/options.js'
import { prepare } from '../settings/prepare.js'

/**
 * What a pipeline would guarantee if it were opened like this, hop by hop; nothing is opened. `dir` may
 * be missing where it makes no difference to the report.
 * @throws InvalidArgumentError where `open` would refuse the pipeline or an option
 * @example console.log(guaranteeText(guarantee(orders, { durability: 'process' })))
 */
export function guarantee(definition: Definition<never>, options?: OpenOptions): Guarantee {
  const isHomeless = options === undefined || options?.dir === undefined
  const given = isHomeless ? { ...options, dir: '.' } : options
  const { prepared } = prepare(definition, 'guarantee', given)
  return guaranteeOfClasses(
    prepared.map(({ graph, settings }) =>
      guaranteeOf(graph, isHomeless ? { ...settings, dir: '' } : settings),
    ),
  )
}
