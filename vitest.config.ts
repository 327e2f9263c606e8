import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig } from 'vitest/config'

// Tests run against dist/: worker threads can only load built JavaScript, and two copies of one
// module (one built, one not) would not share their classes.
/** Run by vitest.faults.config.ts. */
export const faultTests = [
  'test/conformance/acknowledgment-faults.test.ts',
  'test/faults/clock.test.ts',
  'test/faults/disk/*.test.ts',
  'test/runtime/worker-faults-*.test.ts',
]

export const shared = defineConfig({
  resolve: {
    alias: [
      { find: /^semel$/, replacement: fileURLToPath(new URL('./dist/index.js', import.meta.url)) },
      {
        find: /^semel\/(advise|directory)$/,
        replacement: fileURLToPath(new URL('./dist/', import.meta.url)) + '$1.js',
      },
      {
        find: /^semel\/(http|postgres|sqlite)$/,
        replacement: fileURLToPath(new URL('./dist/connectors/', import.meta.url)) + '$1/index.js',
      },
      {
        find: /^semel\/(measure|testing)$/,
        replacement: fileURLToPath(new URL('./dist/', import.meta.url)) + '$1/index.js',
      },
    ],
  },
  test: {
    pool: 'forks',
    // Many tests wait more than they work.
    maxWorkers: 3,
    // What is built is imported by Node itself, as by a program: vite would drop a module's query.
    server: { deps: { external: [/\/(?:dist|build)\//] } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
  },
})

export default mergeConfig(
  shared,
  defineConfig({
    test: { include: ['test/**/*.test.ts'], exclude: [...faultTests, '**/node_modules/**'] },
  }),
)
