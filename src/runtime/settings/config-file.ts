import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from '../../core/errors.js'

/**
 * A configuration in a file, as JSON. What the file says is never told, in errors neither.
 * @throws InvalidArgumentError where there is no such file, or it holds no JSON
 */
export function readConfig(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new InvalidArgumentError(
      `config: ${path} can't be read (${code}); give the path of a JSON file`,
    )
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown
  } catch {
    // The cause has a part of the text, which may be a secret.
    throw new InvalidArgumentError(`config: ${path} holds no JSON; correct it`)
  }
}
