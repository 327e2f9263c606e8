import { types } from 'node:util'
import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { Accepts } from '../../pipeline/graph.js'
import { describeIssues } from '../../core/schema.js'
import { ask } from '../message/ask.js'

/**
 * The message as operators will see it: checked, perhaps changed, by the schema.
 * @throws InvalidArgumentError where the pipeline does not take it
 */
export function checkMessage(accepts: Accepts, message: unknown): unknown {
  if (accepts.kind === 'frames') {
    if (!types.isUint8Array(message) || message.length !== accepts.size) {
      throw new InvalidArgumentError(
        `message: ${shown(message)} is no frame; give a Uint8Array of ${accepts.size} bytes`,
      )
    }
    return message
  }
  if (accepts.validate === undefined) return message
  const checked = ask(accepts.validate, message, 'accepts')
  if (checked.issues !== undefined) {
    throw new InvalidArgumentError(
      `message: ${ask(describeIssues, checked.issues, 'accepts')}; the pipeline's schema refuses it`,
    )
  }
  return checked.value
}
