// What a browser has to load: every entry bundled, minified and gzipped, tfjs left out, holds the size that the README's table states.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { packages, root, table } from './support/workspace.ts'

/** Kilobytes by entry, from cells such as 3.1 kB, `/tfjs` 1.2 kB. */
const stated = new Map(
  table('README.md', 'package').flatMap(([name, , size]) =>
    [...(size ?? '').matchAll(/(?:`(\/\w+)` )?([\d.]+) kB/g)].map(([, entry = '', kilobytes]) => [
      `${name?.match(/\[(.+)\]/)?.[1]}${entry}`,
      Number(kilobytes),
    ]),
  ),
)

async function kilobytes(specifier: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${specifier}'`, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: specifier.endsWith('/node') ? 'node' : 'browser', // where an import of a Node module fails the build
    conditions: ['@repo/source'],
    external: ['@tensorflow/*'],
    logLevel: 'silent',
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1000
}

test.each(packages.flatMap(({ entries }) => entries))('$specifier', async ({ specifier }) => {
  const size = await kilobytes(specifier)
  const limit = stated.get(specifier) ?? 0
  expect(size, 'kB gzipped; make it smaller, or state the new size in README.md').toBeLessThanOrEqual(limit)
  expect(size, 'kB gzipped; README.md states far more').toBeGreaterThan(0.8 * limit - 0.1)
})
