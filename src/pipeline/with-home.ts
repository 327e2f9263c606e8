import { InvalidArgumentError, SemelError, toError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { adopted } from '../core/thenable.js'
import { Builder, checkName } from './builder.js'
import { buildKey, graphOf, requireGraph, type AnyDefinition, type Graph } from './graph.js'
import { homeText, homeUrl } from './home.js'
import { ResourceOf } from './resource.js'

/** What a thread has imported: module and name, and how many definitions claim to be that. */
interface Known {
  readonly definition: AnyDefinition
  readonly count: number
}

/** Registered on the global object, so that two copies of semel in one thread share it. */
const knownKey = Symbol.for('semel.pipelines')

function known(): Map<string, Known> {
  const holder = globalThis as { [knownKey]?: Map<string, Known> }
  return (holder[knownKey] ??= new Map())
}

/**
 * A definition that a worker finds again, by the module that it lives in and by its name.
 * @throws InvalidArgumentError
 */
export function withHome(home: unknown, name: unknown, build: unknown): AnyDefinition {
  const module = homeUrl(home)
  const checked = checkName(name)
  if (typeof build !== 'function') {
    throw new InvalidArgumentError(
      `pipeline ${checked}: ${shown(build)} is not a function; give (p, config) => p.accepts()….to(sink)`,
    )
  }
  const definition = Object.freeze({
    name: checked,
    module,
    [buildKey]: (config: unknown) => built(checked, build as Build, config),
  }) as AnyDefinition
  const fullName = `${module}#${checked}`
  const count = (known().get(fullName)?.count ?? 0) + 1
  known().set(fullName, { definition, count })
  return definition
}

/**
 * What a module has defined under a name, once it has been imported in this thread.
 * @throws InvalidArgumentError where that is nothing, or more than one
 */
export function definedIn(module: string, name: string): AnyDefinition {
  const found = known().get(`${module}#${name}`)
  const where = `${homeText(module)}: a worker that imports this module`
  if (found === undefined) {
    throw new InvalidArgumentError(
      `${where} finds no pipeline ${name} in it; define it at the module's top level with the module's own import.meta`,
    )
  }
  if (found.count > 1) {
    throw new InvalidArgumentError(
      `${where} finds ${found.count} pipelines ${name} in it; give each a name of its own`,
    )
  }
  return found.definition
}

type Build = (start: object, config: unknown) => unknown

function built(name: string, build: Build, config: unknown): Graph {
  const resources: ResourceOf<unknown>[] = []
  let isOpen = true
  const start = Object.freeze({
    accepts: (format?: unknown) => Builder.start(name, format),
    resource: (open: unknown, close?: unknown) => {
      if (!isOpen) {
        throw new InvalidArgumentError(
          `pipeline ${name}: it has been built already; ask for its resources while it is built`,
        )
      }
      const resource = new ResourceOf(name, open, close)
      resources.push(resource)
      return resource
    },
  })
  let answer: unknown
  try {
    answer = build(start, config)
  } catch (cause) {
    if (cause instanceof SemelError) throw cause
    const remedy = config === undefined || config === null ? '; was it to be given a config?' : ''
    throw new SemelError(
      'SEMEL_MODULE',
      `the pipeline ${name} can't be built: ${toError(cause).message}${remedy}`,
      { cause },
    )
  } finally {
    isOpen = false
  }
  if (adopted(answer) !== undefined) {
    throw new InvalidArgumentError(
      `pipeline ${name}: its function answered a promise; let it be no async function, and open what it waits for as a resource`,
    )
  }
  if (graphOf(answer) === undefined) requireGraph(answer, `pipeline ${name}`)
  return Object.freeze({
    ...(graphOf(answer) as Graph),
    name,
    resources: Object.freeze(resources),
  })
}
