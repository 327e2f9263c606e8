import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { SinkKind } from '../../core/sink.js'

export interface ForEachOptions {
  /**
   * Declares that the same output given twice has the effect of one: an upsert by id, a put by name. An
   * exactly-once pipeline takes the sink only with it, and relies on it after a crash.
   * @default false
   */
  idempotent?: boolean
  /**
   * What messages and reports call it.
   * @default by the function's name: `forEach(store)`
   */
  name?: string
}

/** What a sink of the user's own function is, as its definition has it. */
export interface Declared {
  readonly name: string
  readonly kind: Extract<SinkKind, 'idempotent' | 'repeatable'>
  readonly declared?: true
}

/**
 * @param where `forEach` or `forEachBatch`; named in errors
 * @throws InvalidArgumentError for what is no function, or an option that can't be used
 */
export function checkForEach(
  where: string,
  parameters: string,
  each: unknown,
  given: { readonly [name in keyof ForEachOptions]?: unknown },
): Declared {
  if (typeof each !== 'function') {
    throw new InvalidArgumentError(
      `${where}: ${shown(each)} is not a function; give ${parameters} => …`,
    )
  }
  const { idempotent = false, name = nameOf(where, each) } = given
  if (typeof idempotent !== 'boolean') {
    throw new InvalidArgumentError(
      `${where}.idempotent: ${shown(idempotent)} is neither true nor false; give one of them`,
    )
  }
  if (typeof name !== 'string' || name === '') {
    throw new InvalidArgumentError(`${where}.name: ${shown(name)} is not a name; give a text`)
  }
  return idempotent ? { name, kind: 'idempotent', declared: true } : { name, kind: 'repeatable' }
}

function nameOf(where: string, each: { readonly name: unknown }): string {
  return typeof each.name === 'string' && each.name !== '' ? `${where}(${each.name})` : where
}
