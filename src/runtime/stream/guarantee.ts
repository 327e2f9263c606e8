import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { guaranteeOf, guaranteeOfClasses, type Guarantee } from '../../delivery/guarantee.js'
import type { Named } from '../../delivery/hop.js'
import { kindOf, type AnySource, type SourceKind } from '../../delivery/source-kind.js'
import type { AnyDefinition, Definition } from '../../pipeline/graph.js'
import { Config } from '../settings/config.js'
import type { ConfiguredOptions, OpenOptions } from '../settings/open-options.js'
import { prepare } from '../settings/prepare.js'

export interface GuaranteeOptions extends OpenOptions {
  /**
   * What is to be consumed: the report then tells of these, and their ways are part of the whole.
   * @default the report tells what each kind of source gives
   */
  sources?: readonly AnySource[]
}

/**
 * What a pipeline would guarantee if it were opened like this, hop by hop; nothing is opened. `dir` may
 * be missing where it makes no difference to the report.
 * @throws InvalidArgumentError where `open` would refuse the pipeline or an option
 * @example console.log(guaranteeText(guarantee(orders, { durability: 'process' })))
 */
export function guarantee<C>(
  definition: Definition<never, unknown, C>,
  ...given: ConfiguredOptions<GuaranteeOptions, C>
): Guarantee
export function guarantee(
  definition: AnyDefinition,
  given?: GuaranteeOptions & { config?: unknown },
): Guarantee {
  const { config, sources, ...options } = given ?? {}
  const isHomeless = options.dir === undefined
  const withDir = isHomeless ? { ...options, dir: '.' } : options
  const { prepared } = prepare(definition, 'guarantee', withDir, Config.of(config).value())
  const named = sources === undefined ? undefined : namesOf(sources)
  return guaranteeOfClasses(
    prepared.map(({ graph, settings }) => {
      if (named !== undefined && graph.deliver.producer !== undefined) {
        throw new InvalidArgumentError(
          `guarantee.sources: the pipeline ${graph.name} knows copies by its producers' numbers, and reads no source; leave them out, or deliver with { id, window }`,
        )
      }
      return guaranteeOf(graph, isHomeless ? { ...settings, dir: '' } : settings, named)
    }),
  )
}

function namesOf(sources: unknown): Named {
  if (!Array.isArray(sources) || sources.length === 0) {
    throw new InvalidArgumentError(
      `guarantee.sources: ${shown(sources)} is no list of sources; give one such as [fileSource('in.ndjson')], or leave it out`,
    )
  }
  const named = new Map<SourceKind, string[]>()
  for (const source of sources as readonly unknown[]) {
    const kind = kindOf(source)
    if (kind === undefined) {
      throw new InvalidArgumentError(
        `guarantee.sources: ${shown(source)} is not a source; give one such as fileSource('in.ndjson')`,
      )
    }
    const names = named.get(kind) ?? []
    named.set(kind, [...names, (source as AnySource).name])
  }
  return named
}
