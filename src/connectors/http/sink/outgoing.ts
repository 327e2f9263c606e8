import { validateHeaderName, validateHeaderValue } from 'node:http'
import { types } from 'node:util'
import { SemelError, toError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import { quotedKey } from '../quoted-key.js'
import type { Outgoing } from './exchange.js'
import { httpUrl, isMethod, lowered, type CheckedHttpSink, type HttpRequest } from './options.js'

/**
 * The request of an output.
 * @throws SemelError `SEMEL_OUTPUT` where it has none; what the user's own functions throw
 */
export function outgoingOf(
  sink: Pick<CheckedHttpSink, 'requestOf' | 'method' | 'headers'>,
  output: unknown,
  key: string | undefined,
): Outgoing {
  const answered: unknown = sink.requestOf(output as never)
  if (typeof answered !== 'object' || answered === null) {
    throw refused(`${shown(answered)} is no request; answer { url, method, headers, body }`)
  }
  const request = answered as HttpRequest
  const url = httpUrl(request.url)
  if (url === undefined) throw refused(`${shown(request.url)} is no URL of http: or https:`)
  const { method = sink.method } = request
  if (!isMethod(method)) throw refused(`there is no method ${shown(method)}`)
  const given = 'body' in request ? request.body : output
  const isPlain = typeof given === 'string' || types.isUint8Array(given)
  return {
    url,
    method,
    headers: {
      ...(isPlain && 'body' in request ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': quotedKey(key) }),
      ...sink.headers,
      ...(request.headers === undefined ? {} : checkedHeaders(request.headers)),
    },
    body: isPlain && 'body' in request ? given : jsonOf(given),
  }
}

/** By name in lower case. Neither the value nor Node's words on it are told: it may be a secret. */
function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, text] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, text)
    } catch {
      throw refused(`${shown(name)} is no header, or its text can't be one`)
    }
  }
  return lowered(headers)
}

function jsonOf(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value) as string | undefined
  } catch (thrown) {
    throw refused(`it has no form in JSON: ${toError(thrown).message}`, thrown)
  }
  if (text === undefined) throw refused(`${shown(value)} has no form in JSON`)
  return text
}

/** @throws SemelError `SEMEL_OUTPUT` for what is no key: sent without one, it could be done twice */
export function checkedKey(key: unknown): string {
  if (typeof key === 'string' && /^[ -~]{1,255}$/.test(key)) return key
  throw refused(
    `the key ${shown(key)} is none; answer 1 to 255 visible characters of ASCII or spaces`,
  )
}

function refused(why: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_OUTPUT', `httpSink can't send the output: ${why}`, { cause })
}
