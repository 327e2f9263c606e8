import { guaranteeOf, guaranteeOfClasses, type Guarantee } from '../../delivery/guarantee.js'
import type { AnyDefinition, Definition } from '../../pipeline/graph.js'
import { Config } from '../settings/config.js'
import type { ConfiguredOptions, OpenOptions } from '../settings/open-options.js'
import { prepare } from '../settings/prepare.js'

/**
 * What a pipeline would guarantee if it were opened like this, hop by hop; nothing is opened. `dir` may
 * be missing where it makes no difference to the report.
 * @throws InvalidArgumentError where `open` would refuse the pipeline or an option
 * @example console.log(guaranteeText(guarantee(orders, { durability: 'process' })))
 */
export function guarantee<C>(
  definition: Definition<never, unknown, C>,
  ...given: ConfiguredOptions<OpenOptions, C>
): Guarantee
export function guarantee(
  definition: AnyDefinition,
  given?: OpenOptions & { config?: unknown },
): Guarantee {
  const { config, ...options } = given ?? {}
  const isHomeless = options.dir === undefined
  const withDir = isHomeless ? { ...options, dir: '.' } : options
  const { prepared } = prepare(definition, 'guarantee', withDir, Config.of(config).value())
  return guaranteeOfClasses(
    prepared.map(({ graph, settings }) =>
      guaranteeOf(graph, isHomeless ? { ...settings, dir: '' } : settings),
    ),
  )
}
