import type { Durability } from 'semel'
import { deliveries } from '../../src/core/delivery.js'
import { describeDelivery } from './deliveries.js'

const kept: readonly Durability[] = ['process', 'disk', { interval: 20 }]

for (const delivery of deliveries) {
  for (const durability of delivery === 'at-most-once' ? (['memory'] as const) : kept) {
    for (const workers of [0, 1, 2]) {
      for (const shards of [1, 4]) describeDelivery({ delivery, workers, shards, durability })
    }
  }
}
