import type { IncomingMessage } from 'node:http'

/** More would not be an order. */
const bodyBytesMax = 16 * 1024

/** A request that can't be answered with what was asked for: its status, and why. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** @throws Refusal for what is too long, or no JSON */
export async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bodyBytesMax)
      throw new Refusal(413, `the body is longer than ${bodyBytesMax} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw new Refusal(400, 'the body is no JSON')
  }
}
