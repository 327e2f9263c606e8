import { InvalidArgumentError } from './errors.js'
import { shown } from './options.js'
import { unheeded } from './thenable.js'

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
 * answers with a promise, or with no result: a message must be in the ring, in its order, before the
 * next one is looked at.
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
    const result: unknown = standard.validate(value)
    if (typeof result === 'object' && result !== null && 'then' in result) {
      unheeded(result)
      throw new InvalidArgumentError(
        `accepts: the schema (${standard.vendor}) answers with a promise; use a schema without asynchronous checks, and make those in a map`,
      )
    }
    return checkResult(result, standard, 'accepts')
  }
}

/**
 * A schema's check where nothing has to keep its order: asynchronous ones are awaited.
 * @param where what the schema was given for; named in errors
 * @throws InvalidArgumentError for what is no Standard Schema v1
 */
export function awaitedValidator(
  schema: unknown,
  where: string,
): (value: unknown) => Promise<Validated<unknown>> {
  const standard = standardOf(schema)
  if (standard === undefined) {
    throw new InvalidArgumentError(
      `${where}: ${shown(schema)} is not a Standard Schema v1; give one, or leave it out`,
    )
  }
  return async (value) => checkResult(await standard.validate(value), standard, where)
}

/** @throws InvalidArgumentError for what is neither a value nor a list of issues */
function checkResult(
  result: unknown,
  { vendor }: StandardSchema['~standard'],
  where: string,
): Validated<unknown> {
  if (typeof result !== 'object' || result === null) {
    throw new InvalidArgumentError(
      `${where}: the schema (${vendor}) answered ${shown(result)}, which is no result; answer { value } or { issues }`,
    )
  }
  const { issues } = result as Validated<unknown>
  if (issues === undefined || Array.isArray(issues)) return result as Validated<unknown>
  throw new InvalidArgumentError(
    `${where}: the schema (${vendor}) answered the issues ${shown(issues)}; answer a list of them, or none where there is nothing wrong`,
  )
}

/** What is wrong with a message, on one line: `price: expected a number; legs.0.id: missing`. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  if (issues.length === 0) return 'something is wrong with it, the schema does not say what'
  return issues.map((issue: unknown) => describeIssue(issue)).join('; ')
}

/** Whatever a schema of somebody's own gives for an issue. */
function describeIssue(issue: unknown): string {
  if (typeof issue !== 'object' || issue === null) return shown(issue)
  const { message, path } = issue as { message?: unknown; path?: unknown }
  const what = typeof message === 'string' ? message : shown(message)
  const where = Array.isArray(path) ? path.map(pathOf).join('.') : pathOf(path)
  return where === '' ? what : `${where}: ${what}`
}

function pathOf(part: unknown): string {
  if (part === undefined || part === null) return ''
  return String(typeof part === 'object' ? (part as { key?: unknown }).key : part)
}

// ArkType's schemas are functions.
function standardOf(schema: unknown): StandardSchema['~standard'] | undefined {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return
  const standard = (schema as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function' ? standard : undefined
}
