import { defineConfig, type Options } from 'tsup'

/** The only build configuration: a package passes its entries and nothing else. */
export const library = (entry: Record<string, string>, options: Options = {}) =>
  defineConfig({
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: true,
    external: [/^node:/, /^@tensorflow\//],
    ...options,
  })
