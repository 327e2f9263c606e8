import { Session, type HeapProfiler } from 'node:inspector'
import { placesOf, type Place } from './places.js'

/** Of what is allocated, a byte in so many is looked at. */
const samplingBytes = 8192

/**
 * What the thread that it lives in allocates, as V8's sampling heap profiler sees it: also what was
 * collected long before the end, which is what garbage is.
 */
export class Allocations {
  readonly #session = new Session()

  begin(): void {
    this.#session.connect()
    this.#session.post('HeapProfiler.startSampling', {
      samplingInterval: samplingBytes,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as HeapProfiler.StartSamplingParameterType)
  }

  /** All of it since the beginning, the greatest place first. */
  end(): Place[] {
    let places: Place[] | undefined
    // To a session of the own thread it answers before `post` returns.
    this.#session.post('HeapProfiler.stopSampling', (error, { profile }) => {
      if (error === null) places = placesOf(profile.head)
    })
    this.#session.disconnect()
    if (places === undefined) throw new Error('the heap profiler gives no profile')
    return places
  }
}
