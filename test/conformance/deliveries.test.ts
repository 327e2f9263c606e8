import type { Durability } from 'semel'
import { deliveries } from '../../src/core/delivery.js'
import { describeDelivery, describeKills } from './deliveries.js'

const kept: readonly Durability[] = ['process', 'disk', { interval: 20 }]

for (const delivery of deliveries) {
  for (const durability of delivery === 'at-most-once' ? (['memory'] as const) : kept) {
    for (const workers of [0, 1, 2]) {
      for (const shards of [1, 4]) describeDelivery({ delivery, workers, shards, durability })
    }
  }
}

for (const delivery of ['at-least-once', 'exactly-once'] as const) {
  for (const durability of kept) {
    describeKills({ delivery, durability, workers: 0, shards: 1 })
    describeKills({ delivery, durability, workers: 2, shards: 4 })
  }
}
