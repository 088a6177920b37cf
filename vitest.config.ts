import { configDefaults, defineConfig } from 'vitest/config'
import { engineProjects } from './test/engines/projects.ts'

const conditions = ['@repo/source', 'module', 'node', 'import', 'default']

// `vitest run` runs what needs no engine; `--project '*'` (which is `pnpm test`) or `--project <engine>` the conformance tests too
const withEngines = process.argv.some((argument) => argument.startsWith('--project'))

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks',
    maxConcurrency: 2, // processes that test.concurrent starts
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'examples/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'packages/*/test/engines/**'],
          setupFiles: ['./test/setup.ts'],
        },
      },
      ...(withEngines ? engineProjects() : []),
    ],
  },
})
