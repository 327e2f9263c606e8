const name = String.raw`[\w$]+`
/** `{ price, size: count }` or `[first, second]`: no defaults, nothing nested, no rest. */
const parts = String.raw`\{[\w$\s,:]*\}|\[[\w$\s,]*\]`
const parameter = String.raw`\(\s*(?:${name}|${parts})?\s*,?\s*\)`

/** An arrow function with one plain parameter or none: it has no `arguments` of its own. */
const plainArrow = new RegExp(String.raw`^(?:async\s*)?(?:${name}|${parameter})\s*=>`)
/** A function, or a method, with one plain parameter or none. */
const plainFunction = new RegExp(
  String.raw`^(?:async\s+)?(?:function\b)?\s*\*?\s*(?:${name})?\s*${parameter}\s*\{`,
)
/** By these it may come to more arguments than it has parameters; what is bound shows no source. */
const allArguments = /\barguments\b|\beval\b|\[native code\]/

/**
 * Whether a function may look at its second argument. `length` does not tell: it counts neither rest
 * parameters nor those with defaults, and a bound function may hand on anything. So the source text
 * decides, and whatever is not plainly of one parameter may.
 */
export function usesContext(apply: unknown): boolean {
  let text: string
  try {
    text = Function.prototype.toString.call(apply)
  } catch {
    return true
  }
  if (plainArrow.test(text)) return false
  return !plainFunction.test(text) || allArguments.test(text)
}
