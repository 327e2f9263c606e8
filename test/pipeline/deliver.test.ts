import { describe, expect, it } from 'vitest'
import { graph, identified, produced, rawUntyped, refused, sink, trades, untyped } from './verbs.js'

describe('deliver', () => {
  it('takes id and window with every delivery, and exactly-once the rest too', () => {
    for (const delivery of ['at-most-once', 'at-least-once'] as const) {
      const { deliver } = graph(trades().deliver(delivery, identified).to(sink('repeatable')))
      expect(deliver).toEqual({
        delivery,
        id: identified.id,
        windowMs: 86_400_000,
        maxIds: 16_777_216,
        whenFull: 'wait',
        overflow: 'wait',
      })
    }
  })

  it('takes a producer instead with every delivery', () => {
    for (const delivery of ['at-most-once', 'at-least-once', 'exactly-once'] as const) {
      const { deliver } = graph(trades().deliver(delivery, produced).to(sink('idempotent')))
      expect(deliver).toEqual({
        delivery,
        ...produced,
        maxIds: 16_777_216,
        whenFull: 'wait',
        overflow: 'wait',
      })
    }
  })

  it.each<[() => unknown, string]>([
    [
      () => untyped().deliver('exactly'),
      `deliver: "exactly" is not a delivery; choose 'at-most-once', 'at-least-once' or 'exactly-once'`,
    ],
    [
      () => untyped().deliver('exactly-once'),
      `deliver: exactly-once needs to know a message's copies: add deliver('exactly-once', { id, window }), deliver('exactly-once', { producer }) where senders number their messages, or deliver('exactly-once', { by: 'position' }) where all sources are replayable`,
    ],
    [
      () => untyped().deliver('exactly-once', { id: () => 1 }),
      `deliver: exactly-once needs a window: add deliver('exactly-once', { id, window })`,
    ],
    [
      () => untyped().deliver('exactly-once', { window: '1h' }),
      `deliver: exactly-once needs an id: add deliver('exactly-once', { id, window })`,
    ],
    [
      () => untyped().deliver('at-least-once', { id: () => 1 }),
      'deliver.window: it is missing, and id means nothing without it; give both or neither',
    ],
    [
      () => untyped().deliver('at-most-once', { window: '1h' }),
      'deliver.id: it is missing, and window means nothing without it; give both or neither',
    ],
    [
      () => untyped().deliver('at-most-once', { maxIds: 5 }),
      'deliver.maxIds: 5 counts nothing without ids; add id and window, or leave it out',
    ],
    [
      () => untyped().deliver('at-least-once', { ...identified, whenFull: 'wait' }),
      'deliver: there is no option "whenFull"; there are id, window, producer, maxIds',
    ],
    [
      () => untyped().deliver('exactly-once', { ...identified, windw: 1 }),
      'deliver: there is no option "windw"; there are id, window, producer, by, maxIds, whenFull, time',
    ],
    [
      () => untyped().deliver('exactly-once', '24h'),
      'deliver: "24h" is not an options object; give { id, window, producer, by, maxIds, whenFull, time }',
    ],
    [
      () => untyped().deliver('exactly-once', { id: 'id', window: 1 }),
      'deliver.id: "id" does not tell it; give a function of the message',
    ],
    [
      () => rawUntyped().deliver('exactly-once', { id: 8, window: 1 }),
      'deliver.id: 8 does not tell it; give a function of the message, or at(offset)',
    ],
    [
      () => untyped().deliver('exactly-once', { id: () => 1, window: 'a day' }),
      `deliver.window: "a day" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      () => untyped().deliver('exactly-once', { id: () => 1, window: 0 }),
      "deliver.window: 0 is out of bounds; give a duration from '1ms' to '3650d'",
    ],
    [
      () => untyped().deliver('exactly-once', { id: () => 1, window: '3651d' }),
      `deliver.window: "3651d" is out of bounds; give a duration from '1ms' to '3650d'`,
    ],
    [
      () => untyped().deliver('exactly-once', { ...identified, maxIds: 0 }),
      'deliver.maxIds: 0 is out of bounds; give a whole number from 1 to 1073741824',
    ],
    [
      () => untyped().deliver('exactly-once', { ...identified, whenFull: 'forget' }),
      `deliver.whenFull: "forget" is unknown; choose 'wait' or 'shorten-window'`,
    ],
    [
      () => untyped().deliver('exactly-once', { ...identified, time: 'at' }),
      'deliver.time: "at" does not tell it; give a function of the message',
    ],
    ...(['id', 'window', 'maxIds', 'whenFull', 'time'] as const).map(
      (name): [() => unknown, string] => [
        () => untyped().deliver('exactly-once', { producer: () => ({}), [name]: 1 }),
        `deliver.${name}: it means nothing with a producer, whose own numbers tell copies: give either producer or id and window`,
      ],
    ),
    [
      () => untyped().deliver('at-least-once', { producer: 'till-1' }),
      'deliver.producer: "till-1" does not tell it; give a function of the message that returns { id, epoch, sequence }',
    ],
    [
      () => untyped().deliver('at-least-once').deliver('at-most-once'),
      'pipeline trades: the delivery is chosen already: keep one deliver',
    ],
  ])('refuses %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })
})
