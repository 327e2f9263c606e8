// Generated: npx vitest run test/types/generated.test.ts -u. What it says is in combinations.ts.
import { describe, it } from 'vitest'
import type { Delivery } from '../../src/core/delivery.js'
import type { Sink } from '../../src/core/sink.js'
import { withDelivery } from '../../src/pipeline/graph.js'
import { graph, identified, produced, sink, trades as begin } from '../pipeline/verbs.js'
import type { Trade } from '../pipeline/verbs.js'
import { accepted, refusedWith } from './verbs.js'

const trades = begin()
const { id, window } = identified
const { producer } = produced
const key = (trade: Trade) => trade.symbol
const size = (trade: Trade) => trade.size
const kept = () => true
const listed = (trade: Trade) => [trade]
const keyed = trades.keyBy(key)
const mapped = trades.map(size)
const unknown = 'exactly-once' as Delivery
const transactional = sink('transactional')
const rewindable = sink('rewindable')
const idempotent = sink('idempotent')
const repeatable = sink('repeatable')
const unknownKind: Sink<unknown> = repeatable

const refused = refusedWith({
  carrier:
    'to: the sink repeatable is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
  carrierAtOpen:
    'open: the sink repeatable is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
  identified:
    "deliver: exactly-once needs to know a message's copies: add deliver('exactly-once', { id, window }), deliver('exactly-once', { producer }) where senders number their messages, or deliver('exactly-once', { by: 'position' }) where all sources are replayable",
  identifiedAtOpen:
    "open: exactly-once needs to know a message's copies: add deliver('exactly-once', { id, window }), deliver('exactly-once', { producer }) where senders number their messages, or deliver('exactly-once', { by: 'position' }) where all sources are replayable",
  windowNeeded: "deliver: exactly-once needs a window: add deliver('exactly-once', { id, window })",
  idNeeded: "deliver: exactly-once needs an id: add deliver('exactly-once', { id, window })",
  windowMissing:
    'deliver.window: it is missing, and id means nothing without it; give both or neither',
  idMissing: 'deliver.id: it is missing, and window means nothing without it; give both or neither',
  idProduced:
    'deliver.id: it means nothing with a producer, whose own numbers tell copies: give either producer or id and window',
  windowProduced:
    'deliver.window: it means nothing with a producer, whose own numbers tell copies: give either producer or id and window',
  undelivered:
    "pipeline trades: to needs a delivery before it: add deliver('at-most-once'), deliver('at-least-once') or deliver('exactly-once', { id, window })",
  delivered: 'pipeline trades: the delivery is chosen already: keep one deliver',
  keyed: 'pipeline trades: the key is chosen already: keep one keyBy',
  operated:
    'pipeline trades: keyBy comes before the operators: the key is of the message as it was sent, and decides its shard',
})

describe('at-most-once with no options', () => {
  const plain = trades.deliver('at-most-once')
  const keyedBefore = keyed.deliver('at-most-once')
  const keyedBehind = trades.deliver('at-most-once').keyBy(key)
  const mappedBefore = mapped.deliver('at-most-once')
  const mappedBehind = keyed.deliver('at-most-once').map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-most-once with an id only', () => {
  it('is refused', () => {
    // @ts-expect-error windowMissing
    refused('windowMissing', () => trades.deliver('at-most-once', { id }))
    // @ts-expect-error windowMissing
    refused('windowMissing', () => keyed.deliver('at-most-once', { id }))
    // @ts-expect-error windowMissing
    refused('windowMissing', () => mapped.deliver('at-most-once', { id }))
  })
})

describe('at-most-once with a window only', () => {
  it('is refused', () => {
    // @ts-expect-error idMissing
    refused('idMissing', () => trades.deliver('at-most-once', { window }))
    // @ts-expect-error idMissing
    refused('idMissing', () => keyed.deliver('at-most-once', { window }))
    // @ts-expect-error idMissing
    refused('idMissing', () => mapped.deliver('at-most-once', { window }))
  })
})

describe('at-most-once with id and window', () => {
  const plain = trades.deliver('at-most-once', { id, window })
  const keyedBefore = keyed.deliver('at-most-once', { id, window })
  const keyedBehind = trades.deliver('at-most-once', { id, window }).keyBy(key)
  const mappedBefore = mapped.deliver('at-most-once', { id, window })
  const mappedBehind = keyed.deliver('at-most-once', { id, window }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-most-once with a producer', () => {
  const plain = trades.deliver('at-most-once', { producer })
  const keyedBefore = keyed.deliver('at-most-once', { producer })
  const keyedBehind = trades.deliver('at-most-once', { producer }).keyBy(key)
  const mappedBefore = mapped.deliver('at-most-once', { producer })
  const mappedBehind = keyed.deliver('at-most-once', { producer }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-most-once with a producer and an id', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('at-most-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('at-most-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('at-most-once', { producer, id }))
  })
})

describe('at-most-once with a producer and a window', () => {
  it('is refused', () => {
    // @ts-expect-error windowProduced
    refused('windowProduced', () => trades.deliver('at-most-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => keyed.deliver('at-most-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => mapped.deliver('at-most-once', { producer, window }))
  })
})

describe('at-most-once with a producer, id and window', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('at-most-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('at-most-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('at-most-once', { producer, id, window }))
  })
})

describe('at-least-once with no options', () => {
  const plain = trades.deliver('at-least-once')
  const keyedBefore = keyed.deliver('at-least-once')
  const keyedBehind = trades.deliver('at-least-once').keyBy(key)
  const mappedBefore = mapped.deliver('at-least-once')
  const mappedBehind = keyed.deliver('at-least-once').map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-least-once with an id only', () => {
  it('is refused', () => {
    // @ts-expect-error windowMissing
    refused('windowMissing', () => trades.deliver('at-least-once', { id }))
    // @ts-expect-error windowMissing
    refused('windowMissing', () => keyed.deliver('at-least-once', { id }))
    // @ts-expect-error windowMissing
    refused('windowMissing', () => mapped.deliver('at-least-once', { id }))
  })
})

describe('at-least-once with a window only', () => {
  it('is refused', () => {
    // @ts-expect-error idMissing
    refused('idMissing', () => trades.deliver('at-least-once', { window }))
    // @ts-expect-error idMissing
    refused('idMissing', () => keyed.deliver('at-least-once', { window }))
    // @ts-expect-error idMissing
    refused('idMissing', () => mapped.deliver('at-least-once', { window }))
  })
})

describe('at-least-once with id and window', () => {
  const plain = trades.deliver('at-least-once', { id, window })
  const keyedBefore = keyed.deliver('at-least-once', { id, window })
  const keyedBehind = trades.deliver('at-least-once', { id, window }).keyBy(key)
  const mappedBefore = mapped.deliver('at-least-once', { id, window })
  const mappedBehind = keyed.deliver('at-least-once', { id, window }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-least-once with a producer', () => {
  const plain = trades.deliver('at-least-once', { producer })
  const keyedBefore = keyed.deliver('at-least-once', { producer })
  const keyedBehind = trades.deliver('at-least-once', { producer }).keyBy(key)
  const mappedBefore = mapped.deliver('at-least-once', { producer })
  const mappedBehind = keyed.deliver('at-least-once', { producer }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('takes a sink that is repeatable', () => {
    accepted(() => plain.to(repeatable))
    accepted(() => keyedBefore.to(repeatable))
    accepted(() => keyedBehind.to(repeatable))
    accepted(() => mappedBefore.to(repeatable))
    accepted(() => mappedBehind.to(repeatable))
  })

  it('takes a sink of a kind that is not known', () => {
    accepted(() => plain.to(unknownKind))
    accepted(() => keyedBefore.to(unknownKind))
    accepted(() => keyedBehind.to(unknownKind))
    accepted(() => mappedBefore.to(unknownKind))
    accepted(() => mappedBehind.to(unknownKind))
  })
})

describe('at-least-once with a producer and an id', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('at-least-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('at-least-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('at-least-once', { producer, id }))
  })
})

describe('at-least-once with a producer and a window', () => {
  it('is refused', () => {
    // @ts-expect-error windowProduced
    refused('windowProduced', () => trades.deliver('at-least-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => keyed.deliver('at-least-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => mapped.deliver('at-least-once', { producer, window }))
  })
})

describe('at-least-once with a producer, id and window', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('at-least-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('at-least-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('at-least-once', { producer, id, window }))
  })
})

describe('exactly-once with no options', () => {
  it('is refused', () => {
    // @ts-expect-error identified
    refused('identified', () => trades.deliver('exactly-once'))
    // @ts-expect-error identified
    refused('identified', () => keyed.deliver('exactly-once'))
    // @ts-expect-error identified
    refused('identified', () => mapped.deliver('exactly-once'))
  })
})

describe('exactly-once with an id only', () => {
  it('is refused', () => {
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => trades.deliver('exactly-once', { id }))
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => keyed.deliver('exactly-once', { id }))
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => mapped.deliver('exactly-once', { id }))
  })
})

describe('exactly-once with a window only', () => {
  it('is refused', () => {
    // @ts-expect-error idNeeded
    refused('idNeeded', () => trades.deliver('exactly-once', { window }))
    // @ts-expect-error idNeeded
    refused('idNeeded', () => keyed.deliver('exactly-once', { window }))
    // @ts-expect-error idNeeded
    refused('idNeeded', () => mapped.deliver('exactly-once', { window }))
  })
})

describe('exactly-once with id and window', () => {
  const plain = trades.deliver('exactly-once', { id, window })
  const keyedBefore = keyed.deliver('exactly-once', { id, window })
  const keyedBehind = trades.deliver('exactly-once', { id, window }).keyBy(key)
  const mappedBefore = mapped.deliver('exactly-once', { id, window })
  const mappedBehind = keyed.deliver('exactly-once', { id, window }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('refuses a sink that is repeatable', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(repeatable))
  })

  it('refuses a sink of a kind that is not known', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(unknownKind))
  })
})

describe('exactly-once with a producer', () => {
  const plain = trades.deliver('exactly-once', { producer })
  const keyedBefore = keyed.deliver('exactly-once', { producer })
  const keyedBehind = trades.deliver('exactly-once', { producer }).keyBy(key)
  const mappedBefore = mapped.deliver('exactly-once', { producer })
  const mappedBehind = keyed.deliver('exactly-once', { producer }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('refuses a sink that is repeatable', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(repeatable))
  })

  it('refuses a sink of a kind that is not known', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(unknownKind))
  })
})

describe('exactly-once with a producer and an id', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('exactly-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('exactly-once', { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('exactly-once', { producer, id }))
  })
})

describe('exactly-once with a producer and a window', () => {
  it('is refused', () => {
    // @ts-expect-error windowProduced
    refused('windowProduced', () => trades.deliver('exactly-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => keyed.deliver('exactly-once', { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => mapped.deliver('exactly-once', { producer, window }))
  })
})

describe('exactly-once with a producer, id and window', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver('exactly-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver('exactly-once', { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver('exactly-once', { producer, id, window }))
  })
})

describe('a delivery that is not known with no options', () => {
  it('is refused', () => {
    // @ts-expect-error identified
    refused('identified', () => trades.deliver(unknown))
    // @ts-expect-error identified
    refused('identified', () => keyed.deliver(unknown))
    // @ts-expect-error identified
    refused('identified', () => mapped.deliver(unknown))
  })
})

describe('a delivery that is not known with an id only', () => {
  it('is refused', () => {
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => trades.deliver(unknown, { id }))
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => keyed.deliver(unknown, { id }))
    // @ts-expect-error windowNeeded
    refused('windowNeeded', () => mapped.deliver(unknown, { id }))
  })
})

describe('a delivery that is not known with a window only', () => {
  it('is refused', () => {
    // @ts-expect-error idNeeded
    refused('idNeeded', () => trades.deliver(unknown, { window }))
    // @ts-expect-error idNeeded
    refused('idNeeded', () => keyed.deliver(unknown, { window }))
    // @ts-expect-error idNeeded
    refused('idNeeded', () => mapped.deliver(unknown, { window }))
  })
})

describe('a delivery that is not known with id and window', () => {
  const plain = trades.deliver(unknown, { id, window })
  const keyedBefore = keyed.deliver(unknown, { id, window })
  const keyedBehind = trades.deliver(unknown, { id, window }).keyBy(key)
  const mappedBefore = mapped.deliver(unknown, { id, window })
  const mappedBehind = keyed.deliver(unknown, { id, window }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('refuses a sink that is repeatable', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(repeatable))
  })

  it('refuses a sink of a kind that is not known', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(unknownKind))
  })
})

describe('a delivery that is not known with a producer', () => {
  const plain = trades.deliver(unknown, { producer })
  const keyedBefore = keyed.deliver(unknown, { producer })
  const keyedBehind = trades.deliver(unknown, { producer }).keyBy(key)
  const mappedBefore = mapped.deliver(unknown, { producer })
  const mappedBehind = keyed.deliver(unknown, { producer }).map(size)

  it('takes a sink that is transactional', () => {
    accepted(() => plain.to(transactional))
    accepted(() => keyedBefore.to(transactional))
    accepted(() => keyedBehind.to(transactional))
    accepted(() => mappedBefore.to(transactional))
    accepted(() => mappedBehind.to(transactional))
  })

  it('takes a sink that is rewindable', () => {
    accepted(() => plain.to(rewindable))
    accepted(() => keyedBefore.to(rewindable))
    accepted(() => keyedBehind.to(rewindable))
    accepted(() => mappedBefore.to(rewindable))
    accepted(() => mappedBehind.to(rewindable))
  })

  it('takes a sink that is idempotent', () => {
    accepted(() => plain.to(idempotent))
    accepted(() => keyedBefore.to(idempotent))
    accepted(() => keyedBehind.to(idempotent))
    accepted(() => mappedBefore.to(idempotent))
    accepted(() => mappedBehind.to(idempotent))
  })

  it('refuses a sink that is repeatable', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(repeatable))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(repeatable))
  })

  it('refuses a sink of a kind that is not known', () => {
    // @ts-expect-error carrier
    refused('carrier', () => plain.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => keyedBehind.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBefore.to(unknownKind))
    // @ts-expect-error carrier
    refused('carrier', () => mappedBehind.to(unknownKind))
  })
})

describe('a delivery that is not known with a producer and an id', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver(unknown, { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver(unknown, { producer, id }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver(unknown, { producer, id }))
  })
})

describe('a delivery that is not known with a producer and a window', () => {
  it('is refused', () => {
    // @ts-expect-error windowProduced
    refused('windowProduced', () => trades.deliver(unknown, { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => keyed.deliver(unknown, { producer, window }))
    // @ts-expect-error windowProduced
    refused('windowProduced', () => mapped.deliver(unknown, { producer, window }))
  })
})

describe('a delivery that is not known with a producer, id and window', () => {
  it('is refused', () => {
    // @ts-expect-error idProduced
    refused('idProduced', () => trades.deliver(unknown, { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => keyed.deliver(unknown, { producer, id, window }))
    // @ts-expect-error idProduced
    refused('idProduced', () => mapped.deliver(unknown, { producer, id, window }))
  })
})

describe('no delivery', () => {
  it('is refused with every sink', () => {
    // @ts-expect-error undelivered
    refused('undelivered', () => trades.to(transactional))
    // @ts-expect-error undelivered
    refused('undelivered', () => trades.to(rewindable))
    // @ts-expect-error undelivered
    refused('undelivered', () => trades.to(idempotent))
    // @ts-expect-error undelivered
    refused('undelivered', () => trades.to(repeatable))
    // @ts-expect-error undelivered
    refused('undelivered', () => trades.to(unknownKind))
  })
})

describe('the order of steps', () => {
  it('is refused: delivered', () => {
    // @ts-expect-error delivered
    refused('delivered', () => trades.deliver('at-most-once').deliver('at-most-once'))
    // @ts-expect-error delivered
    refused('delivered', () => trades.deliver('at-most-once').deliver('at-least-once'))
    // @ts-expect-error delivered
    refused('delivered', () => trades.deliver('at-most-once').deliver('exactly-once'))
    // @ts-expect-error delivered
    refused('delivered', () => mapped.deliver('at-most-once').deliver('exactly-once', { producer }))
  })

  it('is refused: keyed', () => {
    // @ts-expect-error keyed
    refused('keyed', () => trades.keyBy(key).keyBy(key))
    // @ts-expect-error keyed
    refused('keyed', () => trades.keyBy(key).deliver('exactly-once', { id, window }).keyBy(key))
  })

  it('is refused: operated', () => {
    // @ts-expect-error operated
    refused('operated', () => trades.filter(kept).keyBy(key))
    // @ts-expect-error operated
    refused('operated', () => trades.map(size).keyBy(key))
    // @ts-expect-error operated
    refused('operated', () => trades.flatMap(listed).keyBy(key))
    // @ts-expect-error operated
    refused('operated', () => trades.tap(size).keyBy(key))
    // @ts-expect-error operated
    refused('operated', () => trades.batch(2, { within: 1 }).keyBy(key))
  })
})

describe('opening with at-most-once', () => {
  it('from at-most-once with no options', () => {
    const start = trades.deliver('at-most-once')
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from at-most-once with id and window', () => {
    const start = trades.deliver('at-most-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from at-most-once with a producer', () => {
    const start = trades.deliver('at-most-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from at-least-once with no options', () => {
    const start = trades.deliver('at-least-once')
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from at-least-once with id and window', () => {
    const start = trades.deliver('at-least-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from at-least-once with a producer', () => {
    const start = trades.deliver('at-least-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-most-once'))
  })

  it('from exactly-once with id and window', () => {
    const start = trades.deliver('exactly-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
  })

  it('from exactly-once with a producer', () => {
    const start = trades.deliver('exactly-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-most-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-most-once'))
  })
})

describe('opening with at-least-once', () => {
  it('from at-most-once with no options', () => {
    const start = trades.deliver('at-most-once')
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from at-most-once with id and window', () => {
    const start = trades.deliver('at-most-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from at-most-once with a producer', () => {
    const start = trades.deliver('at-most-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from at-least-once with no options', () => {
    const start = trades.deliver('at-least-once')
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from at-least-once with id and window', () => {
    const start = trades.deliver('at-least-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from at-least-once with a producer', () => {
    const start = trades.deliver('at-least-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(repeatable)), 'at-least-once'))
  })

  it('from exactly-once with id and window', () => {
    const start = trades.deliver('exactly-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
  })

  it('from exactly-once with a producer', () => {
    const start = trades.deliver('exactly-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'at-least-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'at-least-once'))
  })
})

describe('opening with exactly-once', () => {
  it('from at-most-once with no options', () => {
    const start = trades.deliver('at-most-once')
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from at-most-once with id and window', () => {
    const start = trades.deliver('at-most-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('carrierAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from at-most-once with a producer', () => {
    const start = trades.deliver('at-most-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('carrierAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from at-least-once with no options', () => {
    const start = trades.deliver('at-least-once')
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('identifiedAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from at-least-once with id and window', () => {
    const start = trades.deliver('at-least-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('carrierAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from at-least-once with a producer', () => {
    const start = trades.deliver('at-least-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
    refused('carrierAtOpen', () => withDelivery(graph(start.to(repeatable)), 'exactly-once'))
  })

  it('from exactly-once with id and window', () => {
    const start = trades.deliver('exactly-once', { id, window })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
  })

  it('from exactly-once with a producer', () => {
    const start = trades.deliver('exactly-once', { producer })
    accepted(() => withDelivery(graph(start.to(transactional)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(rewindable)), 'exactly-once'))
    accepted(() => withDelivery(graph(start.to(idempotent)), 'exactly-once'))
  })
})
