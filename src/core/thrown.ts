import { inspect, types } from 'node:util'
import { unheeded } from './thenable.js'

/** What was thrown, in words that can be read again and again, whatever it was. */
export interface Thrown {
  readonly name: string
  readonly message: string
  /** Where it has one: `'ECONNREFUSED'`, `'23505'`. */
  readonly code: string | undefined
}

const nameLengthMax = 100
const codeLengthMax = 100
/** Nobody reads more of it, and what is kept with a message has to be short. */
const messageLengthMax = 2000
/** An object with more members is only counted: to show them would take long. */
const membersMax = 20
/** The text of a longer one takes long to make. */
const bigintMax = 2n ** 128n

/** Never throws, and runs nothing of what it looks at more than once. */
export function describeThrown(thrown: unknown): Thrown {
  if (typeof thrown !== 'object' || thrown === null) return plain(primitiveText(thrown))
  const code = codeOf(thrown)
  const message = textOf(thrown, 'message')
  if (isError(thrown)) {
    const name = textOf(thrown, 'name') || 'Error'
    return {
      name: name.slice(0, nameLengthMax),
      message: (message || errorsText(thrown) || code || '').slice(0, messageLengthMax),
      code,
    }
  }
  return { ...plain((message ?? objectText(thrown)).slice(0, messageLengthMax)), code }
}

/**
 * What was thrown, as it is kept until it is told of. Of a promise the rejection, if one comes, is what
 * the function threw, and no end of the process.
 */
export function caught(thrown: unknown): { readonly thrown: unknown } {
  unheeded(thrown)
  return { thrown }
}

/** Whether it is an error, of this realm or another. */
function isError(thrown: object): boolean {
  if (types.isNativeError(thrown)) return true
  try {
    return thrown instanceof Error
  } catch {
    return false
  }
}

function plain(message: string): Thrown {
  return { name: 'Error', message, code: undefined }
}

function primitiveText(thrown: unknown): string {
  switch (typeof thrown) {
    case 'string':
      return thrown === '' ? 'an empty text was thrown' : thrown.slice(0, messageLengthMax)
    case 'function':
      return `a function was thrown: ${functionText(thrown)}`
    case 'symbol':
      return `${String(thrown).slice(0, messageLengthMax)} was thrown`
    case 'bigint':
      return thrown > -bigintMax && thrown < bigintMax
        ? `${String(thrown)}n was thrown`
        : 'a bigint of more than 128 bits was thrown'
    default:
      return `${String(thrown)} was thrown`
  }
}

function functionText(thrown: object): string {
  return textOf(thrown, 'name')?.slice(0, nameLengthMax) || 'it has no name'
}

/** Of several errors in one, as a connection that tried several addresses gives them: the first. */
function errorsText(thrown: object): string | undefined {
  const errors = read(thrown, 'errors')
  if (!Array.isArray(errors) || errors.length === 0) return undefined
  const first = read(errors, 0)
  if (typeof first !== 'object' || first === null) return undefined
  return textOf(first, 'message')
}

function objectText(thrown: object): string {
  try {
    const isShort = types.isProxy(thrown) || Array.isArray(thrown) || ArrayBuffer.isView(thrown)
    const isOpen = isShort || Object.keys(thrown).length <= membersMax
    const text = isOpen
      ? inspect(thrown, {
          depth: 0,
          breakLength: Infinity,
          customInspect: false,
          maxArrayLength: 3,
          maxStringLength: 200,
        })
      : 'an object with many members'
    return `no error was thrown, but ${text}`
  } catch {
    return 'no error was thrown, but an object that can not be looked at'
  }
}

function codeOf(thrown: object): string | undefined {
  const code = read(thrown, 'code')
  if (typeof code === 'number') return String(code)
  return typeof code === 'string' && code !== '' ? code.slice(0, codeLengthMax) : undefined
}

/** Undefined where it is no text, or an empty one. */
function textOf(thrown: object, name: string): string | undefined {
  const text = read(thrown, name)
  return typeof text === 'string' && text !== '' ? text : undefined
}

function read(from: object, name: string | number): unknown {
  try {
    return (from as Record<string | number, unknown>)[name]
  } catch {
    return undefined
  }
}
