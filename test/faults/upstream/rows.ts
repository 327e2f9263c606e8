import { brokenText, isBroken, messageOf, type Message } from '../messages.js'
import type { Setting } from '../setting.js'

/** A row as a source gives it, made from its id, which is all that goes over the wire. */
export function rowOf(
  id: number,
  setting: Setting,
):
  | { readonly message: Message }
  | { readonly malformed: { text: string; line: number; reason: string } } {
  if (!isBroken(id)) return { message: messageOf(id, setting) }
  return { malformed: { text: brokenText(id), line: 0, reason: 'it is broken' } }
}
