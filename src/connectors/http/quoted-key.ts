/** A text of visible characters as the header `Idempotency-Key` has it: a string of RFC 9651. */
export function quotedKey(key: string): string {
  return `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
