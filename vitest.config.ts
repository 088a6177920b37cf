import { defineConfig } from 'vitest/config'

const conditions = ['@repo/source', 'module', 'node', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/test/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['./test/setup.ts'],
    pool: 'forks',
    maxConcurrency: 2, // processes that test.concurrent starts
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
