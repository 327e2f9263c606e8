import { EventEmitter } from 'node:events'
import { atEndOfTick } from '../../core/waiting/timers.js'

/**
 * Events whose listeners concern nobody but themselves: what one of them throws ends neither the others'
 * turn nor what the event is about. It is thrown again on a stack of its own, and so comes to the
 * process as any uncaught error does.
 */
export class Emitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  override emit: EventEmitter<Events>['emit'] = (name, ...told) => {
    // Without a listener this one throws, for whoever emits it.
    if (name === 'error') return super.emit(name as never, ...(told as never))
    const listeners = this.rawListeners(name as never)
    for (const listener of listeners) {
      try {
        Reflect.apply(listener, this, told)
      } catch (error) {
        atEndOfTick(() => {
          throw error
        })
      }
    }
    return listeners.length > 0
  }
}
