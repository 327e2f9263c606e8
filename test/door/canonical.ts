import { createHash } from 'node:crypto'

const shownMax = 300

/**
 * A value as a text that two values share if and only if one may arrive for the other: a hole and
 * undefined, and a Buffer and its bytes are the same; nothing else is.
 */
export function canonical(value: unknown): string {
  const text = whole(value)
  if (text.length <= shownMax) return text
  return `${text.slice(0, shownMax)}… ${text.length} ${createHash('sha1').update(text).digest('hex')}`
}

function whole(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return `${value}n`
    case 'string':
      return JSON.stringify(value)
    case 'object':
      return value === null ? 'null' : ofObject(value)
    default:
      return String(value)
  }
}

function ofObject(value: object): string {
  if (Array.isArray(value)) return `[${Array.from(value, whole).join()}]`
  if (ArrayBuffer.isView(value)) return ofView(value)
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag === 'Date') return `date ${Number(value as Date)}`
  if (tag === 'Map') {
    const entries = [...(value as Map<unknown, unknown>)]
    return `map {${entries.map(([k, v]) => `${whole(k)} => ${whole(v)}`).join()}}`
  }
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${tag} ${(value as { constructor?: { name?: string } }).constructor?.name}`
  }
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}:${whole(member)}`,
  )
  return `${prototype !== null && Object.keys(prototype).length > 0 ? tag : ''}{${members.join()}}`
}

/** Whatever its realm: by the name of its kind, and its bytes. */
function ofView(view: ArrayBufferView): string {
  const kind = Object.prototype.toString.call(view).slice(8, -1)
  const { buffer, byteOffset, byteLength } = view
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('hex')
  return kind === 'Uint8Array' ? `bytes ${bytes}` : `${kind} ${bytes}`
}
