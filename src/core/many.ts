import { types } from 'node:util'

/**
 * What can be iterated and is one message rather than many, with what to give instead; undefined of
 * anything else. A text's characters and the numbers of bytes are nobody's messages.
 */
export function oneNotMany(value: unknown): string | undefined {
  if (typeof value === 'string' || types.isStringObject(value)) {
    return 'is one text, not many messages; give [text], or its lines'
  }
  if (ArrayBuffer.isView(value)) return 'is bytes, not many messages; give an array of messages'
  if (types.isMap(value)) return 'is a map, not messages; give its values(), or its entries()'
  return undefined
}
