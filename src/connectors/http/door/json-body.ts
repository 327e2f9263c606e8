import { createHash } from 'node:crypto'
import { shown } from '../../../core/options.js'
import { describeIssues, type Validated } from '../../../core/schema.js'
import type { Ask } from './ask.js'
import { malformed, unknownMedia } from './refusal.js'

/** @throws Refusal for a body that is not JSON in UTF-8, as its headers have it */
export function checkMedia(ask: Pick<Ask<unknown>, 'header'>): void {
  const type = ask.header('content-type')
  const [media = '', ...parameters] = (type ?? '').split(';').map((part) => part.trim())
  const charset = parameters.map((one) => /^charset\s*=\s*"?([^"]*)"?$/i.exec(one)?.[1])
  const isUtf8 = charset.every((one) => one === undefined || /^utf-?8$/i.test(one))
  if (!/^application\/(?:[\w.!#$&^+-]+\+)?json$/i.test(media) || !isUtf8) {
    throw unknownMedia(
      `the content type ${shown(type ?? '')} is not taken; send application/json, in UTF-8`,
      { 'accept-post': 'application/json' },
    )
  }
  const coding = ask.header('content-encoding')
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') {
    throw unknownMedia(`the content coding ${shown(coding)} is not taken; send the body as it is`, {
      'accept-encoding': 'identity',
    })
  }
}

/** @throws Refusal for bytes that are no JSON in UTF-8 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw malformed('the body is not in UTF-8')
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw malformed(text === '' ? 'there is no body' : 'the body is no JSON')
  }
}

/** By which a request is known again: SHA-256 of its path and query, and of its body. No path has a line's end. */
export function fingerprintOf(target: string, bytes: Uint8Array): string {
  return createHash('sha256').update(`${target}\n`).update(bytes).digest('base64url')
}

/** @throws Refusal where the schema finds something wrong */
export async function checkBody(
  body: unknown,
  validate: ((value: unknown) => Promise<Validated<unknown>>) | undefined,
): Promise<unknown> {
  if (validate === undefined) return body
  const { issues, ...rest } = await validate(body)
  if (issues !== undefined) throw malformed(describeIssues(issues))
  return (rest as { value: unknown }).value
}
