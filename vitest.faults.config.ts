import { defineConfig, mergeConfig } from 'vitest/config'
import { faultTests, shared } from './vitest.config.js'

// What disks and workers do to a stream, in all its shapes: some minutes of waiting, by a command of
// its own.
export default mergeConfig(shared, defineConfig({ test: { include: faultTests } }))
