import { InvalidArgumentError } from '../core/errors.js'
import { shown } from '../core/options.js'

/**
 * Standard Schema v1, as far as semel uses it: what zod, valibot, ArkType and others implement.
 * Declared here, so that none of them is needed. https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema answers: the message, which it may have changed, or what is wrong with it. */
export type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type TypesOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>

/** What a schema takes. */
export type InputOf<S extends StandardSchema> = TypesOf<S>['input']

/** What a schema gives. */
export type OutputOf<S extends StandardSchema> = TypesOf<S>['output']

/**
 * A schema's check as one synchronous function, which throws InvalidArgumentError where the schema
 * answers with a promise: a message must be in the ring, in its order, before the next one is looked
 * at.
 * @throws InvalidArgumentError for what is no Standard Schema v1
 */
export function validator(schema: unknown): (value: unknown) => Validated<unknown> {
  const standard = standardOf(schema)
  if (standard === undefined) {
    throw new InvalidArgumentError(
      `accepts: ${shown(schema)} is not a Standard Schema v1; give one, or frames({ size }), or nothing`,
    )
  }
  return (value) => {
    const result = standard.validate(value)
    if ('then' in result) {
      // The answer is of no use, and its rejection must not end the process.
      result.then(undefined, () => {})
      throw new InvalidArgumentError(
        `accepts: the schema (${standard.vendor}) answers with a promise; use a schema without asynchronous checks, and make those in a map`,
      )
    }
    return result
  }
}

/** What is wrong with a message, on one line: `price: expected a number; legs.0.id: missing`. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues
    .map(({ message, path }) => {
      if (path === undefined || path.length === 0) return message
      const place = path.map((part) => String(typeof part === 'object' ? part.key : part))
      return `${place.join('.')}: ${message}`
    })
    .join('; ')
}

// ArkType's schemas are functions.
function standardOf(schema: unknown): StandardSchema['~standard'] | undefined {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return
  const standard = (schema as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function' ? standard : undefined
}
