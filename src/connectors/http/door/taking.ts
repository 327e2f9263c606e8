import { InvalidArgumentError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import type { Acknowledge } from '../../../core/acknowledge.js'
import type { Durability } from '../../../core/delivery.js'
import type { MessageHeaders } from '../../../core/headers.js'
import type { Outcome } from '../../../core/message.js'

/** What is used of a stream. */
export interface Taking<In> {
  readonly acknowledge: Acknowledge
  /** Whether it takes no messages any more. */
  readonly isOver: boolean
  ready(options: { signal?: AbortSignal; timeout?: number }): Promise<void>
  send(
    message: In,
    options?: { acknowledge?: 'processed'; headers?: MessageHeaders },
  ): Promise<unknown>
}

/** Where a message is, once it is stored. */
export interface Whereabouts {
  readonly shard: number
  readonly sequence: number
  readonly durability: Durability
}

/** What `send` resolves with, as far as clients are told of it. */
export interface Acknowledged extends Whereabouts {
  /** A receipt: the end comes later. An end: what it is. */
  readonly outcome: Promise<Acknowledged> | Outcome | 'parked'
  readonly result?: unknown
  readonly results?: readonly unknown[]
  readonly error?: { readonly code: string; readonly message: string }
}

/** @throws InvalidArgumentError for what is no stream */
export function checkTaking<In>(stream: Taking<In>, where: string): Taking<In> {
  const { send, ready } = (stream ?? {}) as Partial<Taking<In>>
  if (typeof send === 'function' && typeof ready === 'function') return stream
  throw new InvalidArgumentError(
    `${where}: ${shown(stream)} is no stream; give what open resolves with`,
  )
}
