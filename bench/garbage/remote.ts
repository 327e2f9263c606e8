import { once } from 'node:events'
import { BroadcastChannel } from 'node:worker_threads'
import { Allocations } from './allocations.js'
import type { Place } from './places.js'

type Said =
  | { readonly kind: 'begin' }
  | { readonly kind: 'begun' }
  | { readonly kind: 'end' }
  | { readonly kind: 'places'; readonly places: readonly Place[] }

const channelName = 'semel-bench-allocations'

/** In the worker: does what the sender's thread says. It keeps no thread alive. */
export function listen(): void {
  const channel = new BroadcastChannel(channelName)
  const allocations = new Allocations()
  channel.addEventListener('message', (event) => {
    const { data } = event as Event & { data: Said }
    if (data.kind === 'begin') {
      allocations.begin()
      channel.postMessage({ kind: 'begun' } satisfies Said)
    } else if (data.kind === 'end') {
      channel.postMessage({ kind: 'places', places: allocations.end() } satisfies Said)
    }
  })
  ;(channel as unknown as { unref(): void }).unref()
}

/** The other side: the allocations of the one worker that listens. */
export class RemoteAllocations {
  readonly #channel = new BroadcastChannel(channelName)

  async begin(): Promise<void> {
    await this.#ask('begin')
  }

  async end(): Promise<readonly Place[]> {
    const said = await this.#ask('end')
    this.#channel.close()
    return said.kind === 'places' ? said.places : []
  }

  async #ask(kind: 'begin' | 'end'): Promise<Said> {
    const said = once(this.#channel, 'message') as Promise<[{ data: Said }]>
    this.#channel.postMessage({ kind } satisfies Said)
    const [{ data }] = await said
    return data
  }
}
